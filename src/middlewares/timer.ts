/** The longest delay that timers know, 24.8 days: they take anything above for none. */
export const MAX_DELAY_MS: number = 2 ** 31 - 1;
