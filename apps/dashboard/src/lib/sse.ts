// Server-sent events, read from a fetch, which can send a key and count bytes.
export interface ServerEvent {
  name: string;
  data: string;
  end: number; // bytes of the stream up to and with this event
}

export async function* readEvents(body: ReadableStream<Uint8Array>, from = 0): AsyncGenerator<ServerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = new Uint8Array();
  let end = from;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const bytes = new Uint8Array(rest.length + value.length);
      bytes.set(rest);
      bytes.set(value, rest.length);
      let begin = 0;
      // An event ends with an empty line; the server ends lines with \n alone.
      for (let at = 0; at + 1 < bytes.length; ++at) {
        if (bytes[at] !== 10 || bytes[at + 1] !== 10) continue;
        const text = decoder.decode(bytes.subarray(begin, at));
        end += at + 2 - begin;
        begin = at + 2;
        let name = "message";
        const data: string[] = [];
        for (const line of text.split("\n")) {
          if (line.startsWith("event: ")) name = line.slice(7);
          else if (line.startsWith("data: ")) data.push(line.slice(6));
        }
        if (data.length > 0) yield { name, data: data.join("\n"), end };
        ++at;
      }
      rest = bytes.slice(begin);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
