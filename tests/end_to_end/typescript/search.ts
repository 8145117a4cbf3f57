// A whole search with a generated client: a study, its trials, what to train with.
import createClient from "openapi-fetch";
import type { components, paths } from "./build/lrtune.js";

declare const process: { env: Record<string, string | undefined> };
declare const console: { log(text: string): void };

type Loss = components["schemas"]["Report"]["value"];

const token = process.env.LRTUNE_TOKEN;
const lrtune = createClient<paths>({
  baseUrl: process.env.LRTUNE_SERVER ?? "http://127.0.0.1:8080",
  headers: token ? { Authorization: `Bearer ${token}` } : {},
});

/** The answer, or what was wrong in the service's own words. */
function told<T>(reply: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (reply.data === undefined) throw new Error(reply.error?.detail ?? "no answer");
  return reply.data;
}

/** The loss after some steps of a training that diverges above 0.3. */
function loss(rate: number, step: number): Loss {
  return rate > 0.3 ? "nan" : Math.abs(Math.log10(rate) + 2) + 1 / step;
}

async function train(name: string): Promise<boolean> {
  const study = { path: { study: name } };
  const asked = told(await lrtune.POST("/v1/studies/{study}/trials", { params: study, body: { worker: "node" } }));
  if (!("lease" in asked)) return !asked.done;
  const trial = { path: { study: name, number: asked.number } };
  const rate = Number(asked.params["learning_rate"]);
  let state: components["schemas"]["Result"]["state"] = "complete";
  for (let step = 1; step <= (asked.max_steps ?? 1); step += 1) {
    const verdict = told(
      await lrtune.POST("/v1/studies/{study}/trials/{number}/reports", {
        params: trial,
        body: { lease: asked.lease, reports: [{ step, value: loss(rate, step) }] },
      }),
    );
    if (verdict.verdict !== "continue") {
      state = verdict.reason === "diverged" ? "diverged" : "pruned";
      break;
    }
  }
  told(
    await lrtune.POST("/v1/studies/{study}/trials/{number}/result", { params: trial, body: { lease: asked.lease, state } }),
  );
  return true;
}

const spec: components["schemas"]["NewStudy"] = {
  name: "from-typescript",
  search_space: { learning_rate: { type: "float", low: 1e-4, high: 1, log: true } },
  sampler: { name: "random", seed: 7 },
  max_trials: 4,
  max_steps: 3,
};
// What the service would refuse, the compiler refuses already.
// @ts-expect-error there is no such field
const misspelt: components["schemas"]["NewStudy"] = { name: "misspelt", max_step: 3 };
// @ts-expect-error no trial ends so
const unknown: components["schemas"]["Result"] = { lease: "none", state: "exploded" };
// @ts-expect-error a range has a type
const untyped: components["schemas"]["NewStudy"] = { name: "untyped", search_space: { x: { low: 1, high: 2 } } };

told(await lrtune.POST("/v1/studies", { body: spec }));
while (await train(spec.name));
const found = told(await lrtune.GET("/v1/studies/{study}/suggestion", { params: { path: { study: spec.name } } }));
console.log(JSON.stringify({ learning_rate: found.learning_rate, trials: found.trials, basis: found.basis }));
