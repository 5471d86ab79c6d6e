/** What becomes of the links, templates and scripts of a job at its acceptance. */
import type { Mutant } from './mutant.ts';

const BAD_LINKS = 'test/prompt/bad-links.test.ts';
const LINK_READER = 'test/workspace/link-reader.test.ts';
const PREPARE = 'test/prompt/prepare.test.ts';
const SCRIPTED = 'test/prompt/scripts.test.ts';
const TEMPLATE = 'test/prompt/template.test.ts';

export const PROMPT_MUTANTS: readonly Mutant[] = [
  {
    name: 'link-anywhere',
    breaks: 'reads whatever file of the machine a job links to',
    file: 'src/workspace/link-reader.ts',
    from: "    if (objection !== null) throw new LinkError('refused', objection);\n",
    to: '',
    // Jobs are checked before, so that no other test comes here.
    killed_by: [LINK_READER],
  },
  {
    name: 'link-to-other-folders',
    breaks: 'takes links into folders that are not for links',
    file: 'src/core/link-path.ts',
    from: "if (parts.length < 2 || !(LINK_FOLDERS as readonly string[]).includes(parts[0] ?? ''))",
    to: 'if (parts.length < 2)',
    killed_by: [LINK_READER, BAD_LINKS],
  },
  {
    name: 'link-through-symlink',
    breaks: 'follows a symlink on the way to what a job links to',
    file: 'src/workspace/link-reader.ts',
    from: 'if ((await realPathOf(file, expected)) !== expected)',
    to: 'if ((await realPathOf(file, expected)) === null)',
    killed_by: [LINK_READER, BAD_LINKS],
  },
  {
    name: 'link-over-tcp',
    breaks: 'reads files of the workspace for whoever has a key, wherever they are',
    file: 'src/prompt/prepare.ts',
    from: '[...execOff(job, from), ...linksOverTcp(job)]',
    to: 'execOff(job, from)',
    killed_by: [PREPARE],
  },
  {
    name: 'command-job-for-all',
    breaks: 'takes a job of type command from whoever may submit over TCP',
    file: 'src/prompt/prepare.ts',
    from: '[...execOff(job, from), ...linksOverTcp(job)]',
    to: 'linksOverTcp(job)',
    killed_by: [SCRIPTED, 'test/http/command-jobs.test.ts'],
  },
  {
    name: 'template-output-unbounded',
    breaks: 'lets a template write as much as the memory holds',
    file: 'src/prompt/template.ts',
    from: 'if (this.buffer.length + text.length > LIMITS.template_output_bytes_max)',
    to: 'if (this.buffer.length + text.length > 2 * LIMITS.template_output_bytes_max)',
    killed_by: [TEMPLATE],
  },
  {
    name: 'template-code-unbounded',
    breaks: 'parses a template of any size, where nothing watches the clock',
    file: 'src/prompt/template.ts',
    from: '    refuseTooMuchCode(text);\n',
    to: '',
    killed_by: [TEMPLATE],
  },
  {
    name: 'template-walks-for-ever',
    breaks: 'lets one filter of a template look at a long list for as long as it takes',
    file: 'src/prompt/template-budget.ts',
    from: '    this.#walked += units;\n',
    to: '',
    killed_by: [TEMPLATE],
  },
  {
    name: 'variables-lenient',
    breaks: 'asks a model with a hole where a variable of the template is missing',
    file: 'src/prompt/template.ts',
    from: 'strictVariables: true',
    to: 'strictVariables: false',
    killed_by: [TEMPLATE, PREPARE],
  },
  {
    name: 'template-reads-files',
    breaks: 'leaves the tags in a template that read files',
    file: 'src/prompt/template.ts',
    from: 'delete this.#liquid.tags[tag];',
    to: 'void tag;',
    killed_by: [BAD_LINKS],
  },
  {
    name: 'template-sees-prototypes',
    breaks: 'shows a template what its data inherit',
    file: 'src/prompt/template.ts',
    from: 'ownPropertyOnly: true',
    to: 'ownPropertyOnly: false',
    killed_by: [TEMPLATE],
  },
  {
    name: 'recipe-without-files',
    breaks: 'leaves what was read at acceptance out of a prompt that scripts complete at the attempt',
    file: 'src/prompt/build-prompt.ts',
    from: "whole({ kind: 'template', template, ...data }, attached, scripts)",
    to: "whole({ kind: 'template', template, values: {}, scripts: data.scripts }, attached, scripts)",
    killed_by: [SCRIPTED],
  },
  {
    name: 'scripts-anywhere',
    breaks: 'gives jobs with scripts to instances that have no workspace',
    file: 'src/core/order-of.ts',
    from: "return command !== null || recipe !== null ? 'workspace' : '';",
    to: "return command !== null && recipe !== null ? 'workspace' : '';",
    killed_by: [SCRIPTED],
  },
  {
    name: 'programs-anywhere',
    breaks: 'gives jobs of type command to instances that allow no programs',
    file: 'src/core/order-of.ts',
    from: "if (type === 'command') return 'exec';",
    to: "if (type === 'command') return 'workspace';",
    killed_by: [SCRIPTED],
  },
  {
    name: 'scripts-share-answers',
    breaks: 'takes two jobs with the same script for the same work, whatever it prints next time',
    file: 'src/prompt/prepare.ts',
    from: 'only_for: onlyFor(job, material, from),',
    to: 'only_for: null,',
    killed_by: [SCRIPTED],
  },
  {
    name: 'command-script-pure',
    breaks: 'takes every command script for a pure one',
    file: 'src/prompt/prepare.ts',
    from: '[...built.scripts, ...(command === null ? [] : [command])].every(',
    to: 'built.scripts.every(',
    killed_by: [SCRIPTED],
  },
];
