const start = performance.now();
console.log(`@findings ${JSON.stringify({ ms: performance.now() - start })}`);
