/** Real ports: which addresses are listened on, and what is said when one cannot be had. */
import assert from "node:assert/strict";
import { createServer as createNetServer, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import { portInUseText } from "../../src/doors/listening.ts";
import { Ports } from "../../src/server/ports.ts";

function ports(context: TestContext, openToOthers = false): Ports {
  const made = new Ports(
    (request, response) => response.end(`${request.method} ${request.socket.localAddress}`),
    openToOthers,
  );
  context.after(() => made.close());
  return made;
}

/** Holds a port. */
function occupy(context: TestContext, host: string): Promise<{ server: Server; port: number }> {
  return new Promise((resolve, reject) => {
    const server = createNetServer().listen({ host, port: 0 }, () => {
      const address = server.address();
      if (address !== null && typeof address !== "string") resolve({ server, port: address.port });
    });
    server.once("error", reject);
    context.after(() => {
      server.close();
    });
  });
}

async function textOf(host: string, port: number): Promise<string> {
  return (await fetch(`http://${host.includes(":") ? `[${host}]` : host}:${port}/`)).text();
}

test("both loopbacks under one port, when no address is named", async (context) => {
  for (const hosts of [undefined, ["localhost"], ["127.0.0.1", "localhost", "::1"]]) {
    const open = ports(context);
    const addresses = await open.open({ hosts, port: 0 });
    assert.equal(addresses[0].address, "127.0.0.1");
    assert.ok(addresses.length <= 2);
    for (const { address, port } of addresses) {
      assert.equal(port, addresses[0].port);
      assert.equal(await textOf(address, port), `GET ${address}`);
    }
    await open.close();
    await open.close();
    await assert.rejects(textOf("127.0.0.1", addresses[0].port));
  }
});

test("a port in use is named, and then none is kept", async (context) => {
  const { server, port } = await occupy(context, "127.0.0.1");
  const open = ports(context);
  const text = `Cannot listen on 127.0.0.1:${port}: another process uses the port; expected a free one (--port)`;
  await assert.rejects(open.open({ port }), { code: "port-in-use", message: text });
  server.close();
  const six = await occupy(context, "::1").catch(() => null);
  if (six === null) return context.skip("no IPv6 here");
  await assert.rejects(open.open({ port: six.port }), { code: "port-in-use", message: /^Cannot listen on \[::1\]:/ });
  const other = ports(context);
  await other.open({ hosts: ["127.0.0.1"], port: six.port }); // free again
  await other.close();
  six.server.close();
});

test("macOS's own service on port 5000 is named", () => {
  assert.match(portInUseText("127.0.0.1:5000", 5000, "darwin"), /AirPlay Receiver: turn it off in System Settings/);
  assert.doesNotMatch(portInUseText("127.0.0.1:5000", 5000, "linux"), /AirPlay/);
  assert.doesNotMatch(portInUseText("127.0.0.1:5001", 5001, "darwin"), /AirPlay/);
});

test("addresses that this machine does not have", async (context) => {
  const open = ports(context, true);
  for (const host of ["192.0.2.1", "no-such-name.invalid"]) {
    await assert.rejects(open.open({ hosts: ["127.0.0.1", host], port: 0 }), {
      code: "address-unusable",
      message: new RegExp(`^Cannot listen on ${host}:0: expected an address of this machine`),
    });
  }
  await open.open({ hosts: ["127.0.0.1"], port: 0 }); // nothing of the failed tries is left
  await open.close();
});

test("beyond this machine only for who was told to", async (context) => {
  for (const host of ["0.0.0.0", "::", "192.168.1.7", "tidemark.example", ""]) {
    await assert.rejects(ports(context).open({ hosts: ["127.0.0.1", host], port: 0 }), { code: "bind-refused" });
  }
  for (const host of ["127.0.0.2", "::ffff:127.0.0.1"]) {
    const open = ports(context);
    await open.open({ hosts: [host], port: 0 }).catch((error: unknown) => {
      assert.notEqual((error as { code: string }).code, "bind-refused");
    });
    await open.close();
  }
  const everywhere = ports(context, true);
  const [{ port }] = await everywhere.open({ hosts: ["0.0.0.0"], port: 0 });
  assert.equal(await textOf("127.0.0.1", port), "GET 127.0.0.1");
  await everywhere.close();
});
