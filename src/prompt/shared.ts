/** One reading for all who ask while it goes on; whoever asks later reads anew. */
export function shared<Value>(
  going: Map<string, Promise<Value>>,
  key: string,
  begin: () => Promise<Value>,
): Promise<Value> {
  const under_way = going.get(key);
  if (under_way !== undefined) return under_way;
  const promise = begin().finally(() => going.delete(key));
  going.set(key, promise);
  return promise;
}
