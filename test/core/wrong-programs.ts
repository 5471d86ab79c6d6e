// Wrong scripts, commands and attachments, and exactly what is said of each.
import { said, type WrongJob } from './wrong-job.ts';

export const WRONG_PROGRAMS: readonly WrongJob[] = [
  {
    row: 'R3',
    title: 'commands that lead elsewhere, and words of the other type of job',
    text: `{
  "prompt": "Say hello.",
  "configuration": {
    "LLM_name": "ollama:llama3.2:3b",
    "command": "data/my_platform.py",
    "argv": ["ls"]
  }
}`,
    faults: said(
      `LinkRefused configuration.command 5:5 | a path like "prompts/make.py", inside prompts/ or commands/ | "data/my_platform.py" | Refused because scripts stand in prompts/ or commands/.`,
      `InvalidJob configuration.argv 6:5 | no "argv" in a job of type "llm" | one | To run a program in place of a model, say "type": "command".`,
    ),
  },
  {
    row: 'R3',
    title: 'a command that is neither a path nor a script',
    text: '{"prompt": "Say hello.", "configuration": {"LLM_name": "ollama:llama3.2:3b", "command": ["curl"]}}',
    faults: said(
      `InvalidJob configuration.command 1:78 | the path of a script, such as "commands/call.py", or {"script": …} | a list of 1`,
    ),
  },
  {
    row: 'R1',
    title: 'a job of type command without its command, where no endpoint runs any',
    text: '{"type": "command", "prompt": "Say hello.", "configuration": {"command": "commands/x.py"}}',
    faults: said(
      `InvalidJob configuration.argv 1:45 | a list of texts, the first of them a program | nothing`,
      `InvalidJob configuration.command 1:63 | no "command" in a job of type "command" | one | Put the program and its arguments into "argv".`,
      `UnknownEndpoint configuration.LLM_name 1:45 | an endpoint of kind "command" | none that is known | Declare one in promptd.config.json, under "endpoints": "shell": {"kind": "command"}.`,
    ),
  },
  {
    row: 'R1',
    title: 'a job of type command at a platform, with a program from elsewhere',
    text: '{"type": "command", "prompt": "x", "configuration": {"LLM_name": "ollama:llama3.2:3b", "argv": ["/bin/sh", "-c", "ls"]}}',
    faults: said(
      `LinkRefused configuration.argv[0] 1:97 | the name of a program, or a path such as "commands/run.py", inside commands/ | "/bin/sh" | Refused because it is absolute.`,
      `InvalidJob configuration.LLM_name 1:54 | an endpoint of kind "command" | the endpoint "ollama", of kind "ollama" | Declare one in promptd.config.json, under "endpoints": "shell": {"kind": "command"}.`,
    ),
  },
  {
    row: 'R2',
    title: 'a prompt generation script that leads elsewhere, with more than a script has',
    text: '{"prompt": {"script": "data/make.py", "base": "Say hello.", "pure": 1}, "configuration": {"LLM_name": "ollama:llama3.2:3b"}}',
    faults: said(
      `InvalidJob prompt.pure 1:61 | true or false | 1`,
      `InvalidJob prompt.base 1:39 | script, args, pure or inputs | "base"`,
      `LinkRefused prompt.script 1:13 | a path like "prompts/make.py", inside prompts/ or commands/ | "data/make.py" | Refused because scripts stand in prompts/ or commands/.`,
    ),
  },
  {
    row: 'R2',
    title: 'inputs of scripts that lead elsewhere, or that nobody asked for',
    text: `{
  "prompt": {"base": "{{ a }}{{ b }}", "data": {
    "a": {"script": "prompts/a.py", "pure": true, "inputs": ["data/x.csv", "../x"]},
    "b": {"script": "prompts/b.py", "inputs": ["data/x.csv"]}
  }},
  "configuration": {"LLM_name": "ollama:llama3.2:3b"}
}`,
    faults: said(
      `LinkRefused prompt.data.a.inputs[1] 3:76 | a path like "data/articles/one.txt", inside data/, prompts/ or commands/ | "../x" | Refused because it leads upwards with "..".`,
      `InvalidJob prompt.data.b.inputs 4:37 | "pure": true beside it | nothing | Only a pure script declares what it reads: add "pure": true, or leave "inputs" out.`,
    ),
  },
  {
    row: 'R2',
    title: 'attachments that are none',
    text: `{
  "prompt": {"messages": [{"role": "user", "content": [
    {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}},
    {"type": "image_url", "image_url": {"url": "data:text/plain;base64,eA=="}},
    {"type": "image_url", "image_url": "x"},
    {"type": "image", "file": "/etc/passwd"},
    {"type": "image", "data": "not base64!"},
    {"type": "image", "data": "eA==", "media_type": "application/pdf"},
    {"type": "file", "url": "https://example.com/x.pdf"},
    {"type": "input_image", "file": "data/x.png"}
  ]}]},
  "configuration": {"LLM_name": "ollama:llama3.2:3b"}
}`,
    faults: said(
      `LinkRefused prompt.messages[0].content[0].image_url.url 3:41 | "data:image/png;base64,…" | "https://example.com/x.png" | Nothing is fetched from the network: save it under data/ and write {"type": "image", "file": "data/…"}.`,
      `InvalidJob prompt.messages[0].content[1].image_url.url 4:41 | "data:image/png;base64,…" | "data:text/plain;base64,eA==" | For another file: {"type": "file", "data": …, "media_type": …}.`,
      `InvalidJob prompt.messages[0].content[2].image_url 5:27 | {"url": "data:image/png;base64,…"} | "x"`,
      `LinkRefused prompt.messages[0].content[3].file 6:23 | a path like "data/articles/one.txt", inside data/, prompts/ or commands/ | "/etc/passwd" | Refused because it is absolute.`,
      `InvalidJob prompt.messages[0].content[4].data 7:23 | the bytes of a file in base64 | "not base64!"`,
      `InvalidJob prompt.messages[0].content[5].media_type 8:39 | a type of images, such as "image/png" | "application/pdf" | For another file write "type": "file".`,
      `InvalidJob prompt.messages[0].content[6] 9:5 | "file" (a path such as "data/paper.pdf") or "data" (base64) | neither | Nothing is fetched from the network: save it under data/ and write {"type": "image", "file": "data/…"}.`,
      `InvalidJob prompt.messages[0].content[7].type 10:6 | "text", "image", "file" or "image_url" | "input_image" | Did you mean image?`,
    ),
  },
  {
    row: 'R2',
    title: 'an image that nobody of the user says',
    text: '{"prompt": {"messages": [{"role": "system", "content": [{"type": "image", "file": "data/x.png"}]}, {"role": "user", "content": "x"}]}, "configuration": {"LLM_name": "ollama:llama3.2:3b"}}',
    faults: said(
      `InvalidJob prompt.messages[0].content 1:45 | texts only | an attachment of the role "system" | Platforms take images and files from the user only.`,
    ),
  },
];
