// Jobs that are wrong, and exactly what is said of each. The same table is held against every door: core, HTTP, CLI.
import { LIMITS } from '../../src/core/limits.ts';
import { said, type WrongJob } from './wrong-job.ts';
import { WRONG_PROGRAMS } from './wrong-programs.ts';

/** The endpoints that the table supposes. */
export const WRONG_JOBS_CONTEXT = { endpoints: ['ollama', 'simulator'], default_endpoint: 'ollama' } as const;

export const WRONG_JOBS: readonly WrongJob[] = [
  {
    row: 'R1',
    title: 'an empty text',
    text: '',
    faults: said(`InvalidJob (job) 1:1 | a JSON value | the end of the text`),
  },
  {
    row: 'R1',
    title: 'a text that is no JSON',
    text: 'prompt: hello',
    faults: said(`InvalidJob (job) 1:1 | a JSON value | prompt`),
  },
  {
    row: 'R1',
    title: 'a bracket that is not closed',
    text: `{
  "prompt": "Say hello.",
  "configuration": {"LLM_name": "ollama:llama3.2:3b"}
`,
    faults: said(`InvalidJob (job) 4:1 | "," or "}" | the end of the text`),
  },
  {
    row: 'R1',
    title: 'a comma that is missing',
    text: `{
  "prompt": "Say hello."
  "configuration": {"LLM_name": "ollama:llama3.2:3b"}
}`,
    faults: said(`InvalidJob (job) 3:3 | "," or "}" | "configuration"`),
  },
  {
    row: 'R1',
    title: 'a text with a line break in it',
    text: `{
  "prompt": "Say
hello.",
  "configuration": {"LLM_name": "ollama:llama3.2:3b"}
}`,
    faults: said(
      `InvalidJob (job) 2:13 | a text in double quotes, with line breaks written as \\n | a text without its closing quote`,
    ),
  },
  {
    row: 'R1',
    title: 'a key given twice',
    text: `{
  "prompt": "Say hello.",
  "configuration": {"LLM_name": "ollama:llama3.2:3b", "seed": 1,
    "seed": 2}
}`,
    faults: said(
      `InvalidJob configuration.seed 4:5 | each key once | "seed" a second time | It stands first at 3:55. Keep one of them.`,
    ),
  },
  {
    row: 'R1',
    title: 'an integer that loses digits',
    text: '{"prompt": "Say hello.", "configuration": {"LLM_name": "ollama:llama3.2:3b", "seed": 9007199254740993}}',
    faults: said(
      `InvalidJob configuration.seed 1:86 | an integer within ±9007199254740991 | 9007199254740993 | JSON numbers this large lose digits. Write it as a text, in quotes.`,
    ),
  },
  {
    row: 'R1',
    title: 'a number beyond all numbers',
    text: '{"prompt": "Say hello.", "configuration": {"LLM_name": "ollama:llama3.2:3b", "temperature": 1e400}}',
    faults: said(`InvalidJob configuration.temperature 1:93 | a number within ±1.8e308 | 1e400`),
  },
  {
    row: 'R1',
    title: 'half a character',
    text: '{"prompt": "\\ud83d", "configuration": {"LLM_name": "ollama:llama3.2:3b"}}',
    faults: said(
      `InvalidJob prompt 1:12 | Unicode text | half of a surrogate pair | Write the character itself, or both halves: "\\ud83d\\ude00".`,
    ),
  },
  {
    row: 'R1',
    title: 'brackets without end',
    text: `{"prompt": ${'['.repeat(70)}`,
    faults: said(`InvalidJob prompt 1:75 | at most 64 brackets inside each other | one more`),
  },
  {
    row: 'R1',
    title: 'a list instead of a job',
    text: '["Say hello."]',
    faults: said(`InvalidJob (job) 1:1 | an object with "prompt" and "configuration" | a list of 1`),
  },
  {
    row: 'R1',
    title: 'nothing but a brace',
    text: '{}',
    faults: said(
      `InvalidJob prompt 1:1 | a text, {"messages": […]}, {"base": …} or {"script": …} | nothing`,
      `InvalidJob configuration 1:1 | an object with at least "LLM_name" | nothing`,
    ),
  },
  {
    row: 'R1',
    title: 'no configuration',
    text: '{"prompt": "Say hello."}',
    faults: said(`InvalidJob configuration 1:1 | an object with at least "LLM_name" | nothing`),
  },
  {
    row: 'R1',
    title: 'no model',
    text: '{"prompt": "Say hello.", "configuration": {"seed": 7}}',
    faults: said(`InvalidJob configuration.LLM_name 1:26 | a model such as "ollama:llama3.2:3b" | nothing`),
  },
  {
    row: 'R1',
    title: 'two words for the model',
    text: '{"prompt": "Say hello.", "configuration": {"LLM_name": "ollama:a", "model": "ollama:b"}}',
    faults: said(
      `InvalidJob configuration.model 1:68 | either LLM_name or model | both | Leave one out; they mean the same.`,
    ),
  },
  {
    row: 'R1',
    title: 'an endpoint that nobody knows',
    text: `{
  "prompt": "Say hello.",
  "configuration": {"LLM_name": "openai:gpt-5-mini"}
}`,
    faults: said(
      `UnknownEndpoint configuration.LLM_name 3:21 | endpoint:model with a known endpoint (known: ollama, simulator) | "openai:gpt-5-mini" | Endpoints are named in promptd.config.json, under "endpoints".`,
    ),
  },
  {
    row: 'R1',
    title: 'an endpoint that is mistyped',
    text: '{"prompt": "Say hello.", "configuration": {"LLM_name": "olama:llama3.2:3b"}}',
    faults: said(
      `UnknownEndpoint configuration.LLM_name 1:44 | endpoint:model with a known endpoint (known: ollama, simulator) | "olama:llama3.2:3b" | Did you mean ollama?`,
    ),
  },
  {
    row: 'R1',
    title: 'an endpoint without a model',
    text: '{"prompt": "Say hello.", "configuration": {"LLM_name": "ollama:"}}',
    faults: said(
      `InvalidJob configuration.LLM_name 1:44 | a model such as "ollama:llama3.2:3b" | "ollama:" | The model stands behind the colon.`,
    ),
  },
  {
    row: 'R3',
    title: 'a parameter that is mistyped',
    text: `{
  "prompt": "Say hello.",
  "configuration": {
    "LLM_name": "ollama:llama3.2:3b",
    "temprature": 0.2
  }
}`,
    faults: said(
      `UnknownParameter configuration.temprature 5:5 | a known parameter | "temprature" | Did you mean temperature?`,
    ),
  },
  {
    row: 'R3',
    title: 'what another tool calls a parameter',
    text: '{"prompt": "Say hello.", "configuration": {"LLM_name": "ollama:llama3.2:3b", "max_output_tokens": 100}}',
    faults: said(
      `UnknownParameter configuration.max_output_tokens 1:78 | a known parameter | "max_output_tokens" | Did you mean max_tokens?`,
    ),
  },
  {
    row: 'R3',
    title: 'parameters with values out of range',
    text: `{
  "prompt": "Say hello.",
  "configuration": {
    "LLM_name": "ollama:llama3.2:3b",
    "temperature": "hot",
    "top_p": 1.5,
    "max_tokens": 0,
    "seed": 1.5,
    "stop": []
  }
}`,
    faults: said(
      `InvalidJob configuration.temperature 5:5 | a number of 0 or more | "hot"`,
      `InvalidJob configuration.top_p 6:5 | a number from 0 to 1 | 1.5`,
      `InvalidJob configuration.max_tokens 7:5 | an integer of 1 or more | 0`,
      `InvalidJob configuration.seed 8:5 | an integer | 1.5`,
      `InvalidJob configuration.stop 9:5 | a text, or a list of 1 to 16 texts, none of them empty | an empty list`,
    ),
  },
  {
    row: 'R3',
    title: 'a parameter that belongs to promptd',
    text: '{"prompt": "Say hello.", "configuration": {"LLM_name": "ollama:llama3.2:3b", "n": 5, "stream": true}}',
    faults: said(
      `UnknownParameter configuration.n 1:78 | a known parameter | "n" | A job has one answer. For several, submit it with "sample": 0, 1, 2, …`,
      `UnknownParameter configuration.stream 1:86 | a known parameter | "stream" | promptd always streams, so that logs can be followed. Leave it out.`,
    ),
  },
  {
    row: 'R3',
    title: 'a key of a vendor under its name',
    text: `{
  "prompt": "Say hello.",
  "configuration": {
    "LLM_name": "ollama:llama3.2:3b",
    "api_key": "sk-not-a-real-key-0123456789"
  }
}`,
    faults: said(
      `SecretInJob configuration.api_key 5:5 | no secret and no address: a job names an endpoint | a key named "api_key" | Keys and URLs stand in promptd.config.json, under "endpoints": "api_key_env", "base_url".`,
    ),
  },
  {
    row: 'R3',
    title: 'a key of a vendor under another name, deep inside',
    text: '{"prompt": "Say hello.", "configuration": {"LLM_name": "ollama:llama3.2:3b", "ollama": {"options": [{"note": "use sk-not-a-real-key-0123456789"}]}}}',
    faults: said(
      `SecretInJob configuration.ollama.options[0].note 1:102 | no secret and no address: a job names an endpoint | a text that looks like a key | Keys and URLs stand in promptd.config.json, under "endpoints": "api_key_env", "base_url".`,
    ),
  },
  {
    row: 'R3',
    title: 'headers and an address',
    text: '{"prompt": "Say hello.", "configuration": {"LLM_name": "ollama:llama3.2:3b", "base_url": "http://10.0.0.5:8000", "headers": {"x": "y"}, "where": "https://example.com"}}',
    faults: said(
      `SecretInJob configuration.base_url 1:78 | no secret and no address: a job names an endpoint | a key named "base_url" | Keys and URLs stand in promptd.config.json, under "endpoints": "api_key_env", "base_url".`,
      `SecretInJob configuration.headers 1:114 | no secret and no address: a job names an endpoint | a key named "headers" | Keys and URLs stand in promptd.config.json, under "endpoints": "api_key_env", "base_url".`,
      `SecretInJob configuration.where 1:137 | no secret and no address: a job names an endpoint | a URL | Keys and URLs stand in promptd.config.json, under "endpoints": "api_key_env", "base_url".`,
    ),
  },
  {
    row: 'R1',
    title: 'a type that nobody knows',
    text: '{"type": "image", "prompt": "Say hello.", "configuration": {"LLM_name": "ollama:llama3.2:3b"}}',
    faults: said(`UnknownType type 1:2 | "llm" or "command" | "image"`),
  },
  {
    row: 'R1',
    title: 'keys one level too high',
    text: `{
  "prompt": "Say hello.",
  "configuration": {"LLM_name": "ollama:llama3.2:3b"},
  "temperature": 0.2,
  "priority": 5,
  "optoins": {}
}`,
    faults: said(
      `InvalidJob temperature 4:3 | name, batch, key, metadata, type, prompt, configuration, options or if_exists | "temperature" | It belongs in "configuration".`,
      `InvalidJob priority 5:3 | name, batch, key, metadata, type, prompt, configuration, options or if_exists | "priority" | It belongs in "options".`,
      `InvalidJob optoins 6:3 | name, batch, key, metadata, type, prompt, configuration, options or if_exists | "optoins" | Did you mean options?`,
    ),
  },
  {
    row: 'R2',
    title: 'a blank prompt',
    text: '{"prompt": "  ", "configuration": {"LLM_name": "ollama:llama3.2:3b"}}',
    faults: said(`InvalidJob prompt 1:2 | a text that is not blank | "  "`),
  },
  {
    row: 'R2',
    title: 'a prompt of numbers',
    text: '{"prompt": [1, 2], "configuration": {"LLM_name": "ollama:llama3.2:3b"}}',
    faults: said(
      `InvalidJob prompt 1:2 | a text, {"messages": […]}, {"base": …} or {"script": …} | a list of 2 | Write {"messages": […]}.`,
    ),
  },
  {
    row: 'R2',
    title: 'a prompt without its base',
    text: '{"prompt": {"prepend": "You are kind.", "bsae": "Say hello."}, "configuration": {"LLM_name": "ollama:llama3.2:3b"}}',
    faults: said(
      `InvalidJob prompt 1:2 | a text, {"messages": […]}, {"base": …} or {"script": …} | an object with "prepend" and "bsae" | Did you mean base?`,
    ),
  },
  {
    row: 'R2',
    title: 'messages of unknown roles and shapes',
    text: `{
  "prompt": {"messages": [
    {"role": "developer", "content": "Be kind."},
    {"role": "user", "text": "Hello."},
    {"role": "user", "content": []}
  ]},
  "configuration": {"LLM_name": "ollama:llama3.2:3b"}
}`,
    faults: said(
      `InvalidJob prompt.messages[0].role 3:6 | "system", "user" or "assistant" | "developer"`,
      `InvalidJob prompt.messages[1].content 4:5 | a text | nothing`,
      `InvalidJob prompt.messages[1].text 4:22 | role or content | "text" | Did you mean content?`,
      `InvalidJob prompt.messages[2].content 5:22 | a text, or at least one part | an empty list`,
    ),
  },
  {
    row: 'R2',
    title: 'messages of the system only',
    text: '{"prompt": {"messages": [{"role": "system", "content": "Be kind."}]}, "configuration": {"LLM_name": "ollama:llama3.2:3b"}}',
    faults: said(`InvalidJob prompt.messages 1:13 | a message of the user | system messages only`),
  },
  {
    row: 'R2',
    title: 'data links that lead elsewhere',
    text: `{
  "prompt": {
    "base": "{{ a }}{{ b }}{{ c }}",
    "data": {
      "a": {"file": "/etc/passwd"},
      "b": {"file": "data/../../secret"},
      "c": {"csv": ".promptd/queue.csv", "row": 0}
    }
  },
  "configuration": {"LLM_name": "ollama:llama3.2:3b"}
}`,
    faults: said(
      `LinkRefused prompt.data.a.file 5:13 | a path like "data/articles/one.txt", inside data/, prompts/ or commands/ | "/etc/passwd" | Refused because it is absolute.`,
      `LinkRefused prompt.data.b.file 6:13 | a path like "data/articles/one.txt", inside data/, prompts/ or commands/ | "data/../../secret" | Refused because it leads upwards with "..".`,
      `LinkRefused prompt.data.c.csv 7:13 | a path like "data/articles/one.txt", inside data/, prompts/ or commands/ | ".promptd/queue.csv" | Refused because it has a name in it that begins with a dot.`,
    ),
  },
  {
    row: 'R2',
    title: 'data of unknown kinds',
    text: `{
  "prompt": {
    "base": "{{ a }}",
    "data": {
      "a": 7,
      "b": {"fiel": "data/x.txt"},
      "c": {"file": "data/x.txt", "value": 1},
      "d": {"csv": "data/x.csv", "row": -1},
      "e": {"csv": "data/x.csv", "column": "id"},
      "f g": "text",
      "h": {"script": 7}
    }
  },
  "configuration": {"LLM_name": "ollama:llama3.2:3b"}
}`,
    faults: said(
      `InvalidJob prompt.data.a 5:7 | a text, or an object with one of value, file, csv, jsonl, json, script | 7 | Wrap a value of another type: {"value": …}.`,
      `InvalidJob prompt.data.b 6:7 | a text, or an object with one of value, file, csv, jsonl, json, script | an object | Did you mean file?`,
      `InvalidJob prompt.data.c 7:7 | a text, or an object with one of value, file, csv, jsonl, json, script | value and file at once | Give two variables, one for each.`,
      `InvalidJob prompt.data.d.row 8:34 | the number of a row, from 0, or {"where": {column: value}} | -1`,
      `InvalidJob prompt.data.e.row 9:7 | the row of that column | nothing`,
      `InvalidJob prompt.data["f g"] 10:7 | a name of letters, digits, "_" and "-", starting with a letter | "f g"`,
      `InvalidJob prompt.data.h.script 11:13 | the path of a script, such as "prompts/make.py" | 7`,
    ),
  },
  {
    row: 'R1',
    title: 'options out of range',
    text: `{
  "prompt": "Say hello.",
  "configuration": {"LLM_name": "ollama:llama3.2:3b"},
  "options": {
    "priority": 1.5,
    "timeout": "soon",
    "stall_timeout": "100d",
    "max_attempts": 0,
    "run_at": "tomorrow",
    "tags": "nightly",
    "retries": 3
  }
}`,
    faults: said(
      `InvalidJob options.priority 5:5 | an integer from -1000000000 to 1000000000 | 1.5`,
      `InvalidJob options.timeout 6:5 | a duration such as "90s", "10m" or "1h30m", or a number of milliseconds, from 1 ms to 20 days | "soon"`,
      `InvalidJob options.stall_timeout 7:5 | a duration such as "90s", "10m" or "1h30m", or a number of milliseconds, from 1 ms to 20 days | "100d"`,
      `InvalidJob options.max_attempts 8:5 | an integer from 1 to 1000 | 0`,
      `InvalidJob options.run_at 9:5 | a time such as "2026-12-01T08:00:00Z", with its offset from UTC | "tomorrow"`,
      `InvalidJob options.tags 10:5 | a list of at most 64 texts of 1 to 100 characters | "nightly"`,
      `InvalidJob options.retries 11:5 | priority, timeout, first_token_timeout, stall_timeout, max_attempts, run_at or tags | "retries" | Did you mean max_attempts?`,
    ),
  },
  {
    row: 'R1',
    title: 'names that are none',
    text: '{"name": "../evil", "batch": "a b", "key": "", "if_exists": "replace", "prompt": "Say hello.", "configuration": {"LLM_name": "ollama:llama3.2:3b"}}',
    faults: said(
      `InvalidJob name 1:2 | a name of 1 to 200 letters, digits, ".", "_" or "-", starting with a letter or digit | "../evil"`,
      `InvalidJob batch 1:21 | a name of 1 to 200 letters, digits, ".", "_" or "-", starting with a letter or digit | "a b"`,
      `InvalidJob key 1:37 | a text of 1 to 500 characters, or an integer | ""`,
      `InvalidJob if_exists 1:48 | "same" or "new_run" | "replace"`,
    ),
  },
  {
    row: 'R1',
    title: 'metadata that is too large',
    text: `{"prompt": "Say hello.", "configuration": {"LLM_name": "ollama:llama3.2:3b"}, "metadata": "${'x'.repeat(LIMITS.metadata_bytes_max)}"}`,
    faults: said(
      `InvalidJob metadata 1:79 | at most 262144 bytes | 262146 bytes | Keep large data in a file under data/ and name it here.`,
    ),
  },
  {
    row: 'R1',
    title: 'everything wrong at once',
    text: `{
  "promt": "Hello.",
  "configuration": {
    "LLM_name": 7,
    "topp": 0.5,
    "authorization": "Bearer abcdefghijklmnopqrstuvwxyz"
  },
  "options": {"tags": [""]}
}`,
    faults: said(
      `InvalidJob promt 2:3 | name, batch, key, metadata, type, prompt, configuration, options or if_exists | "promt" | Did you mean prompt?`,
      `InvalidJob prompt 1:1 | a text, {"messages": […]}, {"base": …} or {"script": …} | nothing`,
      `UnknownParameter configuration.topp 5:5 | a known parameter | "topp" | Did you mean top_p?`,
      `SecretInJob configuration.authorization 6:5 | no secret and no address: a job names an endpoint | a key named "authorization" | Keys and URLs stand in promptd.config.json, under "endpoints": "api_key_env", "base_url".`,
      `InvalidJob configuration.LLM_name 4:5 | a model such as "ollama:llama3.2:3b" | 7`,
      `InvalidJob options.tags[0] 8:24 | a list of at most 64 texts of 1 to 100 characters | ""`,
    ),
  },
  ...WRONG_PROGRAMS,
];
