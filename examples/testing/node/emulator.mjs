// A fixture for node:test: cas-emulator, started once and empty before each test.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, beforeEach } from "node:test";

export class Emulator {
  // The endpoint; the access key is testid, testsecret.
  url = "";

  // A call of the control interface. Returns the JSON of the response.
  async control(method, path, body) {
    const response = await fetch(`${this.url}/_emulator/${path}`, {
      method, body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    return answer;
  }

  certificates() {
    return this.control("GET", "certificates");
  }

  // Makes calls fail: fault({ kind: "drop-after", action: "CreateUserCertificate" }).
  fault(fault) {
    return this.control("POST", "faults", fault);
  }

  // Fails with a list of differences unless the emulator received these calls.
  verify(calls, nothingElse = false) {
    return this.control("POST", "verify", { calls, nothing_else: nothingElse });
  }
}

// The emulator of a test file. Call it at the top level of the file.
export function casEmulator() {
  const emulator = new Emulator();
  let process_;
  before(async () => {
    const program = process.env.CAS_EMULATOR ?? "cas-emulator";
    process_ = spawn(program, ["--quiet", "--listen", "127.0.0.1:0"],
      { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: process_.stdout });
    const [line] = await new Promise((resolve, reject) => {
      lines.once("line", (first) => resolve([first]));
      process_.once("error", reject);
      process_.once("exit", () => reject(new Error("cas-emulator did not start")));
    });
    emulator.url = line.split(" ").at(-1);
  });
  beforeEach(() => emulator.control("POST", "reset"));
  after(() => process_.kill());
  return emulator;
}
