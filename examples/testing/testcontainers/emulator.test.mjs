// The emulator in a container, for node:test. CAS_TEST_CERT and CAS_TEST_KEY are files for the
// test. The image is that of the Dockerfile: docker build --tag cas-emulator .

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, beforeEach, test } from "node:test";

// `import` would work as well; `require` also finds packages in NODE_PATH.
const require = createRequire(import.meta.url);
const { GenericContainer, Wait } = require("testcontainers");
const { RPCClient } = require("@alicloud/pop-core");

let container;
let url;

// A call of the control interface. Returns the JSON of the response.
async function control(method, path, body) {
  const response = await fetch(`${url}/_emulator/${path}`, {
    method, body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

before(async () => {
  container = await new GenericContainer(process.env.CAS_EMULATOR_IMAGE ?? "cas-emulator")
    .withExposedPorts(8480)
    .withWaitStrategy(Wait.forHttp("/_emulator/health", 8480))
    .start();
  url = `http://${container.getHost()}:${container.getMappedPort(8480)}`;
});
beforeEach(() => control("POST", "reset"));
after(() => container?.stop());

function upload(name) {
  const client = new RPCClient({
    endpoint: url, apiVersion: "2018-07-13",
    accessKeyId: "testid", accessKeySecret: "testsecret",
  });
  const [Cert, Key] = [process.env.CAS_TEST_CERT, process.env.CAS_TEST_KEY]
    .map((file) => readFileSync(file, "utf8"));
  return client.request("CreateUserCertificate", { Name: name, Cert, Key }, { method: "POST" });
}

test("a certificate is stored once", async () => {
  const { CertId } = await upload("www");
  assert.deepEqual((await control("GET", "certificates")).map((one) => one.cert_id), [CertId]);
  const calls = [{ action: "CreateUserCertificate", times: 1 }];
  await control("POST", "verify", { calls, nothing_else: true });
});

test("a lost response can be simulated", async () => {
  const fault = { kind: "drop-after", action: "CreateUserCertificate", times: 1 };
  await control("POST", "faults", fault);
  await assert.rejects(upload("www"));
  assert.equal((await control("GET", "certificates")).length, 1);
});
