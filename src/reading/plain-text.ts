/** Tokens of Markdown as text without its marks. */
import type { MarkedToken, Token } from 'marked';

/** Blocks, an empty line between any two. */
export function plainBlocks(tokens: readonly Token[]): string {
  return tokens
    .map((token) => plainBlock(token as MarkedToken))
    .filter((text) => text !== '')
    .join('\n\n');
}

function plainBlock(token: MarkedToken): string {
  switch (token.type) {
    case 'space':
    case 'hr':
    case 'def':
      return '';
    case 'code':
      return codeText(token);
    case 'html':
      return withoutTags(token.text);
    case 'blockquote':
      return plainBlocks(token.tokens);
    case 'list':
      return token.items.map((item) => plainBlocks(item.tokens).replaceAll('\n\n', '\n')).join('\n');
    case 'table':
      return [token.header, ...token.rows]
        .map((row) => row.map((cell) => plainInline(cell.tokens)).join('\t'))
        .join('\n');
    default:
      return plainInline([token]);
  }
}

/** The lexer leaves the last line break of an indented block, and takes that of a fenced one. */
export function codeText({ text }: { readonly text: string }): string {
  return text.replace(/\n$/, '');
}

/** One run of text; its line breaks stay. */
export function plainInline(tokens: readonly Token[]): string {
  return tokens
    .map((token) => plainPart(token as MarkedToken))
    .join('')
    .trim();
}

function plainPart(token: MarkedToken): string {
  switch (token.type) {
    case 'br':
      return '\n';
    case 'html':
      return withoutTags(token.text);
    case 'checkbox':
      return '';
    case 'codespan':
    case 'escape':
    case 'image':
      return token.text;
    default:
      if ('tokens' in token && token.tokens !== undefined)
        return token.tokens.map((one) => plainPart(one as MarkedToken)).join('');
      return 'text' in token ? String(token.text) : '';
  }
}

function withoutTags(html: string): string {
  return html.replaceAll(/<[^>]*>/g, '').trim();
}
