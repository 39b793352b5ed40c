package io.busbar.wire;

import io.busbar.mqtt.MqttVersion;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * A row of a conformance table: what the standard asks for, and a conversation that shows it.
 *
 * @param id the normative statement, or the section, and what it says
 * @param versions of the protocol that say so
 */
record Case(String id, Set<MqttVersion> versions, Body body) {
  /** A conversation. */
  interface Body {
    void run(Wire wire) throws Exception;
  }

  static Case both(String id, Body body) {
    return new Case(id, EnumSet.allOf(MqttVersion.class), body);
  }

  static Case v5(String id, Body body) {
    return new Case(id, EnumSet.of(MqttVersion.V5), body);
  }

  static Case v3(String id, Body body) {
    return new Case(id, EnumSet.of(MqttVersion.V3_1_1), body);
  }

  /** The case over each version and transport where it applies. */
  List<Run> runs() {
    List<Run> runs = new ArrayList<>();
    for (MqttVersion version : versions) {
      Arrays.stream(Transport.values()).forEach(t -> runs.add(new Run(this, version, t)));
    }
    return runs;
  }

  /** A case over one version and transport. */
  record Run(Case of, MqttVersion version, Transport transport) {
    @Override
    public String toString() {
      return of.id + " {" + version + ", " + transport + "}";
    }
  }

  /** What a conversation is made with. Client ids are new in each. */
  record Wire(TestNode node, MqttVersion version, Transport transport) {
    boolean v5() {
      return version == MqttVersion.V5;
    }

    /** Ends a session that is stored, so that nothing of it is left for the next case. */
    void forget(String clientId) throws IOException {
      connected(clientId).send(new byte[] {(byte) 0xe0, 0});
    }

    /** A client that has sent nothing yet. */
    RawClient open() throws IOException {
      return node.open(transport, version);
    }

    /** A client that has had its CONNACK. */
    RawClient connected(String clientId) throws IOException {
      RawClient client = open();
      client.connect(clientId);
      return client;
    }

    /** A client that is subscribed to one filter. */
    RawClient subscribed(String clientId, String filter, int qos) throws IOException {
      RawClient client = connected(clientId);
      client.subscribe(filter, qos);
      return client;
    }
  }
}
