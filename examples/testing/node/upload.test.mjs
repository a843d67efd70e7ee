// Uploads with the official package. CAS_TEST_CERT and CAS_TEST_KEY are files for the test.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { casEmulator } from "./emulator.mjs";

const { RPCClient } = createRequire(import.meta.url)("@alicloud/pop-core");
const emulator = casEmulator();

function upload(name) {
  const client = new RPCClient({
    endpoint: emulator.url, apiVersion: "2018-07-13",
    accessKeyId: "testid", accessKeySecret: "testsecret",
  });
  const [Cert, Key] = [process.env.CAS_TEST_CERT, process.env.CAS_TEST_KEY]
    .map((file) => readFileSync(file, "utf8"));
  return client.request("CreateUserCertificate", { Name: name, Cert, Key }, { method: "POST" });
}

test("a certificate is stored once", async () => {
  const { CertId } = await upload("www");
  assert.deepEqual((await emulator.certificates()).map((one) => one.cert_id), [CertId]);
  await emulator.verify([{ action: "CreateUserCertificate", times: 1 }], true);
});

test("a service that is down stores nothing", async () => {
  await emulator.fault({ kind: "error", status: 503, code: "ServiceUnavailable" });
  await assert.rejects(upload("www"), { code: "ServiceUnavailable" });
  assert.deepEqual(await emulator.certificates(), []);
});

test("a missing call is explained", async () => {
  await assert.rejects(emulator.verify([{ action: "CreateUserCertificate", times: 1 }]),
    /Expected 1 call of CreateUserCertificate/);
});
