// An AI package in TypeScript: it draws the prompt where yours would ask a model. The types are optional.
import type { AiAnswer, AiJob, AiJobStatus } from 'promptd/ai';

const status = new Map<number, AiJobStatus>();
const drawings = new Map<number, string | Uint8Array>();

export function get_job_status(instance: number): AiJobStatus {
  return status.get(instance) ?? 0;
}

export function submit_job(job: AiJob, instance: number): 0 | -1 {
  // A picture where the job asks for one, else what it would show.
  if (job.file_type !== null && job.file_type !== 'image/svg+xml') return -1;
  status.set(instance, -1);
  setTimeout(() => {
    const svg = drawn(job.prompt);
    drawings.set(instance, job.file_type === null ? svg : new TextEncoder().encode(svg));
    status.set(instance, 1);
  }, 200);
  return 0;
}

export function retrieve_job(instance: number): AiAnswer {
  return drawings.get(instance) ?? null;
}

function drawn(text: string): string {
  const shown = text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="400" height="40"><text x="8" y="26">${shown}</text></svg>\n`;
}
