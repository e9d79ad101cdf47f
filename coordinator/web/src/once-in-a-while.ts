/** Does something soon after it is asked for, once for all who ask meanwhile, and one after the other. */
export function onceInAWhile(waitMs: number, act: () => Promise<void>): () => void {
  let state: 'idle' | 'waiting' | 'again' = 'idle';
  const start = (): void => {
    state = 'waiting';
    setTimeout(() => {
      state = 'waiting';
      void act()
        .catch(() => undefined) // whoever asks next tries again
        .finally(() => {
          const again = state === 'again';
          state = 'idle';
          if (again) start();
        });
    }, waitMs);
  };
  return () => {
    if (state === 'idle') start();
    else state = 'again';
  };
}
