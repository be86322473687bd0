/** What a person sees who opens the address in a browser. */
export function renderPage(inspectorUrl: string | undefined): string {
  const inspector = inspectorUrl
    ? `<li><a href="${inspectorUrl}">${inspectorUrl}</a>: what the push simulators received</li>`
    : ''
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Parley</title>
<style>body{font:16px/1.5 system-ui;max-width:44rem;margin:3rem auto;padding:0 1rem}code{background:#eee;padding:.1em .3em}</style>
<h1>Parley is running</h1>
<p>This is the one origin of a chat backend; there is no app to see here. Clients use:</p>
<ul>
<li><code>/v1/</code>: accounts, sessions, conversations, messages</li>
<li><code>/v1/media/</code>: uploads and downloads</li>
<li><code>/socket.io/</code>: realtime, over Socket.IO</li>
${inspector}
</ul>
<p>In the repository: <code>docs/protocol.md</code> has every event, <code>docs/http.md</code> every route, <code>docs/local.md</code> what runs on this machine.</p>
</html>
`
}
