import { generate } from 'selfsigned'

export interface Certificate {
  /** PEM. */
  key: string
  /** PEM. */
  cert: string
  /** What a client has to trust, PEM. The certificate signed itself, so it is its own authority. */
  ca: string
}

/** A P-256 certificate for `localhost`, 127.0.0.1 and, if given, another name, good for a year. */
export async function createCertificate(name = 'localhost'): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      // Nodes of a Redis Cluster are clients of each other.
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...[...new Set(['localhost', name])].map((value) => ({ type: 2 as const, value })),
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  })
  return { key: made.private, cert: made.cert, ca: made.cert }
}
