/** Version 2: an attempt keeps the prompt that scripts made for it, by the hash of its body. */
export const SCHEMA_2 = `
ALTER TABLE attempts ADD COLUMN prompt_sha256 TEXT;
`;
