// Answers the simulations given as JSON on stdin; writes the results as JSON, in their order.
const { readFileSync } = require("node:fs");
const { runSimulation } = require("@cloud-copilot/iam-simulate");

Promise.all(JSON.parse(readFileSync(0)).map((simulation) => runSimulation(simulation, {}))).then(
  (results) => process.stdout.write(JSON.stringify(results)),
);
