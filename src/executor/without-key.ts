/** What is said of an attempt, without the key of its endpoint: nobody knows what a broken program puts into its words. */
export function withoutKey(text: string, api_key: string | null): string {
  return api_key === null || api_key === '' ? text : text.replaceAll(api_key, '***');
}
