// Where in a template's source the parser stopped. Its tokens have no positions, so a place is given by its tag.

// Every {% … %}, {{ … }} and {# … #} of `source` in order, but for the generation tags, which are gone before parsing.
function tagsOf(source) {
  const tags = [];
  const opening = /\{[%{#]/g;
  for (let match = opening.exec(source); match; match = opening.exec(source)) {
    const begin = match.index;
    const end = tagEnd(source, begin);
    const tag = { begin, end, text: source.slice(begin, end) };
    if (!/^\{%-?\s*(end)?generation\s*-?%\}$/.test(tag.text)) tags.push(tag);
    opening.lastIndex = end;
  }
  return tags;
}

function tagEnd(source, begin) {
  const kind = source[begin + 1];
  if (kind === "#") {
    const at = source.indexOf("#}", begin + 2);
    return at < 0 ? source.length : at + 2;
  }
  const close = kind === "%" ? "%}" : "}}";
  let depth = 0;
  for (let i = begin + 2; i < source.length; ++i) {
    const char = source[i];
    if (char === "'" || char === '"') {
      for (++i; i < source.length && source[i] !== char; ++i) {
        if (source[i] === "\\") ++i;
      }
    } else if (depth === 0 && char === close[0] && source[i + 1] === close[1]) {
      return i + 2;
    } else if (char === "{") {
      ++depth;
    } else if (char === "}" && depth > 0) {
      --depth;
    }
  }
  return source.length;
}

function placeOf(source, tag) {
  if (!tag) return "at the end";
  const line = source.slice(0, tag.begin).split("\n").length;
  const column = tag.begin - source.lastIndexOf("\n", tag.begin - 1);
  const shown = tag.text.length > 60 ? tag.text.slice(0, 60) + "…" : tag.text;
  return `line ${line}, column ${column}, ${shown.replace(/\s+/g, " ")}`;
}

// The block that is still open at the end of the template, if any.
function unclosedBlock(tags) {
  const open = [];
  for (const tag of tags) {
    const word = /^\{%[-+]?\s*(\w+)/.exec(tag.text)?.[1] ?? "";
    const blockSet = word === "set" && !/=/.test(tag.text);
    if (["if", "for", "macro", "call", "filter"].includes(word) || blockSet) open.push(tag);
    if (word.startsWith("end")) open.pop();
  }
  return open.at(-1);
}

const TOKENIZE = { lstrip_blocks: true, trim_blocks: true };

function tokensOf(source) {
  try {
    return rewriteTests(tokenize(source, TOKENIZE));
  } catch (error) {
    if (error instanceof InternalError) throw error;
    // Tags do not depend on each other here, so the first that fails alone is the one.
    for (const tag of tagsOf(source)) {
      try {
        tokenize(tag.text, TOKENIZE);
      } catch (reason) {
        if (reason instanceof InternalError) throw reason;
        throw new SyntaxError(`${placeOf(source, tag)}: ${reason.message}`);
      }
    }
    throw error;
  }
}

function explain(source, tokens, error) {
  let last = 0;
  const watched = new Proxy(tokens, {
    get(target, key) {
      if (typeof key === "string" && /^\d+$/.test(key)) last = Math.max(last, Number(key));
      return target[key];
    },
  });
  try {
    parse(watched);
  } catch (again) {
    if (again instanceof InternalError) return again;
  }
  const tags = tagsOf(source);
  if (last >= tokens.length) {  // it read past its last token
    const open = unclosedBlock(tags);
    return new SyntaxError(`${placeOf(source, open)}: ${open ? "this block is never closed" : "the template ends too early"}`);
  }
  const opens = [TOKEN_TYPES.OpenStatement, TOKEN_TYPES.OpenExpression, TOKEN_TYPES.Comment];
  const number = tokens.slice(0, last + 1).filter((token) => opens.includes(token.type)).length;
  return new SyntaxError(`${placeOf(source, tags[Math.max(0, number - 1)])}: ${error.message.replace("Parser Error: ", "")}`);
}

function compile(source) {
  const plain = source.replace(/\r\n?/g, "\n");
  const tokens = tokensOf(plain);
  try {
    return parse(tokens);
  } catch (error) {
    throw error instanceof InternalError ? error : explain(plain, tokens, error);
  }
}
