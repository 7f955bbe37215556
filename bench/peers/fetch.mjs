// Node's fetch, CONCURRENCY calls at once. Arguments: BASE_URL TOKEN WARM_UP COUNT CONCURRENCY; an own
// certificate authority comes with NODE_EXTRA_CA_CERTS.
import { randomUUID } from "node:crypto";

const [baseUrl, token, warmUp, count, concurrency] = process.argv.slice(2);

async function cancel(index) {
  const publisher = encodeURIComponent("contoso");
  const offer = encodeURIComponent(`contoso-vm-${index}`);
  const url = `${baseUrl}/api/publishers/${publisher}/offers/${offer}/cancel?api-version=2017-10-31`;
  const response = await fetch(url, {
    method: "POST",
    redirect: "manual",
    headers: {
      "Accept": "application/json",
      "Authorization": `Bearer ${token}`,
      "Content-Type": "application/json",
      "x-ms-client-request-id": randomUUID(),
    },
    body: JSON.stringify({ metadata: { "notification-emails": "jondoe@contoso.com" } }),
  });
  await response.arrayBuffer(); // the connection is free again only when the body was read
  if (response.status !== 202 || !response.headers.get("operation-location")) {
    throw new Error(`status ${response.status}`);
  }
}

async function run(total) {
  let next = 0;
  const worker = async () => {
    while (next < total) await cancel(next++);
  };
  await Promise.all(Array.from({ length: Number(concurrency) }, worker));
}

await run(Number(warmUp));
const cpu = process.cpuUsage();
const wall = performance.now();
await run(Number(count));
const used = process.cpuUsage(cpu);
const cpuEach = (used.user + used.system) / Number(count);
const wallEach = ((performance.now() - wall) * 1000) / Number(count);
console.log(`cpu_us=${cpuEach.toFixed(3)} wall_us=${wallEach.toFixed(3)}`);
process.exit(0); // the kept connections would hold it up
