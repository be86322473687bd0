/** What alerts say of their own, in one language. `{name}` stands for a person, `{text}` for what they wrote. */
export interface Wording {
  newMessage: string
  group: string
  inGroup: string
  mention: string
  contactRequest: string
  missedCall: string
  image: string
  video: string
  voice: string
  file: string
  location: string
}

const en: Wording = {
  newMessage: 'New message',
  group: 'Group',
  inGroup: '{name}: {text}',
  mention: '{name} mentioned you: {text}',
  contactRequest: 'wants to add you as a contact',
  missedCall: 'Missed call',
  image: 'Photo',
  video: 'Video',
  voice: 'Voice message',
  file: 'File',
  location: 'Location',
}

const wordings: Readonly<Record<string, Wording>> = {
  en,
  de: {
    newMessage: 'Neue Nachricht',
    group: 'Gruppe',
    inGroup: '{name}: {text}',
    mention: '{name} hat dich erwähnt: {text}',
    contactRequest: 'möchte dich als Kontakt hinzufügen',
    missedCall: 'Verpasster Anruf',
    image: 'Foto',
    video: 'Video',
    voice: 'Sprachnachricht',
    file: 'Datei',
    location: 'Standort',
  },
  es: {
    newMessage: 'Mensaje nuevo',
    group: 'Grupo',
    inGroup: '{name}: {text}',
    mention: '{name} te mencionó: {text}',
    contactRequest: 'quiere añadirte como contacto',
    missedCall: 'Llamada perdida',
    image: 'Foto',
    video: 'Vídeo',
    voice: 'Mensaje de voz',
    file: 'Archivo',
    location: 'Ubicación',
  },
  fr: {
    newMessage: 'Nouveau message',
    group: 'Groupe',
    inGroup: '{name} : {text}',
    mention: '{name} vous a mentionné : {text}',
    contactRequest: 'souhaite vous ajouter à ses contacts',
    missedCall: 'Appel manqué',
    image: 'Photo',
    video: 'Vidéo',
    voice: 'Message vocal',
    file: 'Fichier',
    location: 'Position',
  },
  zh: {
    newMessage: '新消息',
    group: '群聊',
    inGroup: '{name}:{text}',
    mention: '{name} 提到了你:{text}',
    contactRequest: '请求添加你为联系人',
    missedCall: '未接来电',
    image: '[图片]',
    video: '[视频]',
    voice: '[语音]',
    file: '[文件]',
    location: '[位置]',
  },
}

/** The wording for a device's language (BCP 47), by its first subtag; English where we have none. */
export function wordingFor(locale: string | null): Wording {
  const language = locale?.split('-', 1)[0]?.toLowerCase() ?? ''
  return Object.hasOwn(wordings, language) ? (wordings[language] ?? en) : en
}

/** A template with its places filled; what fills them is taken as it is. */
export function fill(template: string, values: { name: string; text: string }): string {
  return template.replace(/\{(name|text)\}/g, (_, key: 'name' | 'text') => values[key])
}
