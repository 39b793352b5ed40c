package io.busbar.cli;

import io.busbar.config.Settings.Address;
import io.busbar.config.Settings.Listener;
import java.io.PrintWriter;
import java.util.Optional;

/** Commands of well-known clients, to copy and paste against the quick start's node. */
final class Commands {
  private final Home files;
  private final Address mqtts;
  private final String wss;
  private final Address http;
  private final Optional<Address> api;
  private final int webhook;

  Commands(
      Home files, Listener mqtts, Listener wss, Address http, Optional<Address> api, int webhook) {
    this.api = api.map(Quickstart::reachable);
    this.files = files;
    this.mqtts = Quickstart.reachable(mqtts.address());
    this.wss = "wss://" + Quickstart.reachable(wss.address()) + wss.path();
    this.http = Quickstart.reachable(http);
    this.webhook = webhook;
  }

  void print(PrintWriter out) {
    out.println();
    out.println("Try it with clients of your own (each line works as it stands):");
    out.println();
    out.println("# mosquitto, MQTT 3.1.1: listen, then (in another terminal) report a position");
    out.println(mosquitto("mosquitto_sub", "map-app", "mqttv311", "-v -t 'vehicles/+/position'"));
    out.println(
        mosquitto(
            "mosquitto_pub",
            "vehicle01",
            "mqttv311",
            "-t vehicles/vehicle01/position -m '{\"lat\":48.1,\"lon\":11.6}'"));
    out.println();
    out.println("# mosquitto, MQTT 5: the same with a user property; then one that is denied");
    out.println(
        mosquitto("mosquitto_sub", "operator", "mqttv5", "-v -t 'vehicles/#' -F '%t %p (%P)'"));
    out.println(
        mosquitto(
            "mosquitto_pub",
            "vehicle02",
            "mqttv5",
            "-t vehicles/vehicle02/position -m '{\"lat\":48.8,\"lon\":9.2}'"
                + " -D publish user-property trip 42"));
    out.println(
        mosquitto(
            "mosquitto_pub", "vehicle02", "mqttv5", "-t vehicles/vehicle01/position -m forged"));
    out.println();
    out.println("# MQTT.js over a secure WebSocket (needs: npm install mqtt)");
    out.println(
        ("node -e '"
                + "const fs=require(\"fs\"),h=process.argv[1]+\"/\","
                + "c=require(\"mqtt\").connect(\"%s\",{protocolVersion:5,"
                + "clientId:\"mobile-app\",username:\"mobile-app\",ca:fs.readFileSync(h+\"ca.pem\"),"
                + "cert:fs.readFileSync(h+\"clients/mobile-app.pem\"),"
                + "key:fs.readFileSync(h+\"clients/mobile-app-key.pem\")});"
                + "c.on(\"message\",(t,m)=>console.log(t,m.toString()));"
                + "c.on(\"error\",e=>console.error(e.message));"
                + "c.on(\"connect\",()=>c.subscribe(\"vehicles/+/position\",{qos:1},"
                + "()=>console.log(\"listening\")));"
                + "' %s")
            .formatted(wss, quoted("")));
    out.println();
    out.println("# health, metrics, what arrived at the built-in webhook");
    out.printf("curl -s http://%s/health/ready%n", http);
    out.printf("curl -s http://%s/metrics%n", http);
    out.printf("curl -s http://127.0.0.1:%d/events%n", webhook);
    out.println();
    api.ifPresent(address -> manage(out, address));
    out.printf("Who may do what stands in %s. Ctrl-C stops.%n", files.namespace());
    out.flush();
  }

  private void manage(PrintWriter out, Address address) {
    String options = " --home %s --api https://%s".formatted(quoted(""), address);
    out.println("# who may do what: the registry, and why (the same over HTTPS for curl and SDKs)");
    out.println("busbar client list" + options);
    out.println(
        "busbar explain --client vehicle02 --publish vehicles/vehicle01/position" + options);
    out.printf(
        "curl -s --cacert %s -H \"Authorization: Bearer $(cat %s)\" https://%s/namespaces%n",
        quoted("ca.pem"), quoted("api-key"), address);
    out.println();
    out.printf(
        "# the web console, with the key in %s%n# https://%s/console/%n",
        quoted("api-key"), address);
    out.println();
  }

  private String mosquitto(String command, String client, String version, String rest) {
    return "%s -h %s -p %d -V %s -q 1 -i %s -u %s --cafile %s --cert %s --key %s %s"
        .formatted(
            command,
            mqtts.host(),
            mqtts.port(),
            version,
            client,
            client,
            quoted("ca.pem"),
            quoted("clients/" + client + ".pem"),
            quoted("clients/" + client + "-key.pem"),
            rest);
  }

  /** A file of the home as one word of a POSIX shell. */
  private String quoted(String file) {
    String path = files.directory().resolve(file).toString();
    return path.matches("[A-Za-z0-9/._+-]+") ? path : "'" + path.replace("'", "'\\''") + "'";
  }
}
