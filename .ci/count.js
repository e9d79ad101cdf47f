// Prints the sum of vitest's JSON reports: "N passed, N failed", and before it each test that failed, with what it said. Its
// exit status is 1 when anything failed.
// usage: count.js [--also FAILURES] REPORT...
import { existsSync, readFileSync } from 'node:fs';

const files = process.argv.slice(2);
let passed = 0;
let failed = files[0] === '--also' ? Number(files.splice(0, 2)[1]) : 0;

// A log that is cut short at its head still tells what failed.
const fail = (file, test, message = '') => {
  failed += 1;
  console.log(`ci: failed: ${file}: ${test}\n${message.split('\n').slice(0, 20).join('\n')}`);
};

for (const file of files.filter((name) => existsSync(name))) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  passed += report.numPassedTests;
  for (const { name, status, message, assertionResults } of report.testResults) {
    const failures = assertionResults.filter((result) => result.status === 'failed');
    for (const { fullName, failureMessages } of failures) fail(name, fullName, failureMessages.join('\n'));
    // A file that could not even be loaded has no tests that failed.
    if (status === 'failed' && failures.length === 0) fail(name, 'the whole file', message);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
