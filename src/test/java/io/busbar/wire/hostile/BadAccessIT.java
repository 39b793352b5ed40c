package io.busbar.wire.hostile;

import static io.busbar.wire.hostile.Raw.refused;
import static io.busbar.wire.hostile.Raw.sized;
import static io.busbar.wire.hostile.Raw.text;
import static org.assertj.core.api.Assertions.assertThat;

import io.busbar.Node;
import io.busbar.config.Limit;
import io.busbar.config.Settings;
import io.busbar.mqtt.MqttVersion;
import io.busbar.mqtt.Packet;
import io.busbar.mqtt.Property;
import io.busbar.mqtt.PropertyWriter;
import io.busbar.mqtt.ReasonCode;
import io.busbar.testing.RawClient;
import io.busbar.testing.RawClient.Transport;
import io.busbar.testing.TestNode;
import io.busbar.testing.TestPki;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Families 16 to 20 of docs/hardening.md: names and topics made to give more than they should. */
class BadAccessIT {
  private static final PropertyWriter NONE = new PropertyWriter();

  private static final String NAMESPACE =
      """
      name: hostile
      caCertificates:
        - {name: ours, file: ca.pem}
      alternativeAuthenticationNameSources:
        - ClientCertificateSubject
      clients:
        - {name: guard, attributes: {type: guard}}
        - {name: truck-1, attributes: {type: odd, zone: north}}
        - {name: truck-2, attributes: {type: odd}}
        - {name: lonely, attributes: {type: none}}
        - {name: odd-1, authenticationName: "+", attributes: {type: odd}}
        - {name: odd-2, authenticationName: "#", attributes: {type: odd}}
        - {name: odd-3, authenticationName: "a/b", attributes: {type: odd}}
        - {name: odd-4, authenticationName: "$SYS", attributes: {type: odd}}
        - {name: odd-5, authenticationName: "${client.attributes.zone}", attributes: {type: odd, zone: secret}}
        - {name: odd-6, authenticationName: "+/#", attributes: {type: odd}}
        - {name: odd-7, authenticationName: "..", attributes: {type: odd}}
        - {name: values, attributes: {type: odd, zone: ["+", "#", "a/b", "$SYS", "${client.authenticationName}"]}}
      clientGroups:
        - {name: guards, query: attributes.type = "guard"}
        - {name: odd, query: attributes.type = "odd"}
      topicSpaces:
        - {name: own, topicTemplates: ["own/${client.authenticationName}/#"]}
        - {name: first, topicTemplates: ["${client.authenticationName}/x/#"]}
        - {name: zone, topicTemplates: ["zones/${client.attributes.zone}/#"]}
        - {name: news, topicTemplates: ["news/+"]}
        - {name: bystander, topicTemplates: ["bystander/#"]}
      permissionBindings:
        - {name: binding-1, clientGroupName: odd, topicSpaceName: own, permission: Publisher}
        - {name: binding-2, clientGroupName: odd, topicSpaceName: own, permission: Subscriber}
        - {name: binding-3, clientGroupName: odd, topicSpaceName: first, permission: Publisher}
        - {name: binding-4, clientGroupName: odd, topicSpaceName: first, permission: Subscriber}
        - {name: binding-5, clientGroupName: odd, topicSpaceName: zone, permission: Publisher}
        - {name: binding-6, clientGroupName: odd, topicSpaceName: zone, permission: Subscriber}
        - {name: binding-7, clientGroupName: $all, topicSpaceName: news, permission: Subscriber}
        - {name: binding-8, clientGroupName: guards, topicSpaceName: bystander, permission: Publisher}
        - {name: binding-9, clientGroupName: guards, topicSpaceName: bystander, permission: Subscriber}
      """;

  @TempDir static Path home;
  private static TestPki pki;

  @Order(1)
  @RegisterExtension
  static final TestNode NODE =
      TestNode.of(
          () -> {
            pki = TestPki.in(home);
            return TestNode.secured(
                pki.server(), home, NAMESPACE, Map.of(Limit.CONNECT_TIMEOUT, 1L));
          });

  @Order(2)
  @RegisterExtension
  static final Bystander BYSTANDER = new Bystander(id -> connected("guard", id));

  private static RawClient shows(TestPki.Shown shown) throws IOException, GeneralSecurityException {
    int port = NODE.port(Settings.Protocol.MQTTS);
    return NODE.adopt(TestPki.open(port, MqttVersion.V5, pki.context(shown), "TLSv1.3"));
  }

  private static RawClient connected(String name, String session)
      throws IOException, GeneralSecurityException {
    RawClient client = shows(pki.client(name));
    assertThat(TestPki.connect(client, name, session).code()).isZero();
    return client;
  }

  private static X500Name commonName(String name) {
    return new X500NameBuilder(BCStyle.INSTANCE)
        .addRDN(BCStyle.CN, new DERUTF8String(name))
        .build();
  }

  private static void denied(RawClient client, String... topics) throws IOException {
    for (String topic : topics) {
      assertThat(client.publishAcked(topic, "x")).as(topic).isEqualTo(ReasonCode.NOT_AUTHORIZED);
    }
  }

  private static void allowed(RawClient client, String... topics) throws IOException {
    for (String topic : topics) {
      assertThat(client.publishAcked(topic, "x").isError()).as(topic).isFalse();
    }
  }

  private static void deniedFilters(RawClient client, String... filters) throws IOException {
    for (String filter : filters) {
      assertThat(client.subscribe(filter, 1)).as(filter).isEqualTo(0x87);
    }
  }

  // --- 16 ---

  /** The name is in the registry, in the certificate, and in the user name or not. */
  @ParameterizedTest
  @ValueSource(strings = {"+", "#", "a/b", "$SYS", "${client.attributes.zone}", "+/#", ".."})
  void family16_namesThatWouldBeFilters(String name) throws Exception {
    for (String user : new String[] {name, null}) {
      RawClient client = shows(pki.issue(commonName(name)));
      assertThat(TestPki.connect(client, user, "odd").code()).as(name).isZero();
      denied(client, "own/truck-1/x", "own/a/b/x", "own/x", "truck-1/x/y", "a/x/y");
      denied(client, "$SYS/x/y", "own/secret/x", "secret/x/y");
      deniedFilters(client, "own/+/#", "own/#", "own/truck-1/#", "+/x/#", "#", "+", "$SYS/#");
      deniedFilters(client, "$SYS/x/#", "own/secret/#", "own/a/b/#", "secret/x/#");
      if (!name.matches(".*[+#/].*")) {
        // a value that is one level stands for itself and nothing else
        allowed(client, "own/" + name + "/x");
        assertThat(client.subscribe("own/" + name + "/#", 1)).isEqualTo(1);
      }
    }
  }

  @Test
  void family16_attributesThatWouldBeFilters() throws Exception {
    RawClient client = connected("values", "values");
    deniedFilters(client, "zones/#", "zones/+/#", "zones/a/b/#", "zones/a/#", "zones/values/#");
    denied(client, "zones/north/x", "zones/a/b/x", "zones//x", "zones/values/x", "zones/x");
    allowed(client, "zones/$SYS/x", "zones/${client.authenticationName}/x", "own/values/x");
  }

  @ParameterizedTest
  @ValueSource(strings = {"+", "#", "truck-2", "own/truck-2", "$SYS", "${client.attributes.zone}"})
  void family16_clientIdsGiveNoRights(String clientId) throws Exception {
    RawClient client = connected("truck-1", clientId);
    denied(client, "own/truck-2/x", "own/" + clientId.replaceAll("[+#]", "x") + "/x");
    deniedFilters(client, "own/truck-2/#", "own/+/#");
    allowed(client, "own/truck-1/x", "zones/north/x");
  }

  /** A name in the certificate is no more than that: the registry has to know it. */
  @ParameterizedTest
  @ValueSource(strings = {"*", "truck-*", "%", "truck-1,CN=truck-2", "truck-1+CN=truck-2", ".*"})
  void family16_subjectsThatWouldBePatterns(String name) throws Exception {
    for (String user : new String[] {name, null, "truck-1"}) {
      RawClient client = shows(pki.issue(commonName(name)));
      assertThat(TestPki.connect(client, user, "pattern").code()).isEqualTo(0x87);
      client.expectClose();
    }
  }

  // --- 17 ---

  @Test
  void family17_noUserName() throws Exception {
    for (String user : new String[] {null, ""}) {
      // the certificate names the client, or nobody does
      RawClient named = shows(pki.client("truck-1"));
      assertThat(TestPki.connect(named, user, "named").code()).isZero();
      allowed(named, "own/truck-1/x");
      denied(named, "own//x", "own/null/x", "/x/y", "null/x/y");
      RawClient none = shows(null);
      assertThat(TestPki.connect(none, user, "none").code()).isEqualTo(0x87);
      none.expectClose();
      for (Transport transport : Transport.values()) {
        RawClient plain = NODE.open(transport, MqttVersion.V5);
        assertThat(TestPki.connect(plain, user, "plain").code()).isEqualTo(0x87);
        plain.expectClose();
        RawClient older = NODE.open(transport, MqttVersion.V3_1_1);
        assertThat(TestPki.connect(older, user, "plain").code()).isEqualTo(5);
        older.expectClose();
      }
    }
  }

  @Test
  void family17_attributeThatIsMissing() throws Exception {
    RawClient client = connected("truck-2", "no-zone");
    denied(client, "zones//x", "zones/null/x", "zones/x", "zones/north/x", "zones");
    denied(client, "zones/${client.attributes.zone}/x");
    deniedFilters(client, "zones//#", "zones/#", "zones/+/#", "zones/null/#");
    allowed(client, "own/truck-2/x");
  }

  // --- 18 ---

  @Test
  void family18_willsAreJudgedAtConnect() throws Exception {
    for (String topic : List.of("own/truck-2/x", "$SYS/x", "news/x", "zones//x", "bystander/x")) {
      refused(shows(pki.client("truck-1")), willing("dying", topic), ReasonCode.NOT_AUTHORIZED);
    }
    RawClient watcher = connected("truck-1", "watcher");
    assertThat(watcher.subscribe("own/truck-1/#", 0)).isZero();
    RawClient dying = shows(pki.client("truck-1"));
    dying.send(willing("dying", "own/truck-1/will"));
    assertThat(dying.read(Packet.Connack.class).code()).isZero();
    dying.close();
    watcher.expectMessage("x");
    watcher.expectNothing();
  }

  private static byte[] willing(String clientId, String topic) {
    return Raw.connect(
        0x86, "", text(clientId) + sized("") + text(topic) + text("x") + text("truck-1"));
  }

  /** A QoS 2 exchange that was refused is refused again, also after the session is resumed. */
  @Test
  void family18_halfDoneExchangesThatAreDenied() throws Exception {
    for (int i = 0; i < 2; i++) {
      RawClient client = shows(pki.client("truck-1"));
      client.send(Raw.connect(0x80, "11 0000003c", text("half") + text("truck-1")));
      Packet.Connack connack = client.read(Packet.Connack.class);
      assertThat(connack.code()).isZero();
      assertThat(connack.sessionPresent()).isEqualTo(i > 0);
      for (int again = 0; again < 3; again++) {
        client.send(client.publishPacket("own/truck-2/x", 2, 9, "x", NONE));
        assertThat(client.expectAck(Packet.PUBREC, 9).reason())
            .isEqualTo(ReasonCode.NOT_AUTHORIZED);
      }
      client.sendAck(Packet.PUBREL, 9);
      assertThat(client.expectAck(Packet.PUBCOMP, 9).reason())
          .isEqualTo(ReasonCode.PACKET_IDENTIFIER_NOT_FOUND);
      client.close();
    }
    RawClient last = connected("truck-1", "half");
    last.send("e000");
    last.expectClose();
  }

  // --- 19 ---

  /**
   * On the loopback address too, with a password, with the right name: no certificate, no entry.
   */
  @Test
  void family19_nobodyIsLetInWithoutProof() throws Exception {
    for (Transport transport : Transport.values()) {
      for (String user : List.of("guard", "truck-1", "lonely", "root", "$all")) {
        RawClient plain = NODE.open(transport, MqttVersion.V5);
        refused(
            plain,
            Raw.connect(0xc2, "", text("plain") + text(user) + text("password")),
            ReasonCode.NOT_AUTHORIZED);
      }
    }
    for (int i = 0; i < 300; i++) {
      RawClient plain = NODE.open(Transport.TCP, MqttVersion.V5);
      assertThat(TestPki.connect(plain, "truck-1", "flood-" + i).code()).isEqualTo(0x87);
    }
  }

  @Test
  void family19_whatNoBindingAllowsIsDenied() throws Exception {
    RawClient client = connected("lonely", "lonely");
    denied(client, "own/lonely/x", "lonely/x/y", "news/x", "x", "zones//x", "bystander/x");
    deniedFilters(client, "#", "own/lonely/#", "+/x/#", "news/#", "bystander/#");
    assertThat(client.subscribe("news/x", 1)).isEqualTo(1);
  }

  @Test
  void family19_anEmptyNamespaceLetsNobodyIn() throws Exception {
    Path other = Files.createDirectories(home.resolve("empty"));
    Settings settings =
        TestNode.secured(pki.server(), other, "name: empty\n", Map.of(Limit.CONNECT_TIMEOUT, 1L));
    Node empty =
        Node.start(settings).toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
    try {
      int port = empty.listeners().get(1).address().port();
      List<String> users = new ArrayList<>(List.of("guard", "truck-1", ""));
      users.add(null);
      for (String user : users) {
        try (RawClient client =
            TestPki.open(port, MqttVersion.V5, pki.context(pki.client("guard")), "TLSv1.3")) {
          assertThat(TestPki.connect(client, user, "x").code()).isEqualTo(0x87);
          client.expectClose();
        }
      }
    } finally {
      empty.stop().toCompletionStage().toCompletableFuture().get(60, TimeUnit.SECONDS);
    }
  }

  // --- 20 ---

  @Test
  void family20_filtersWiderThanTheTemplate() throws Exception {
    RawClient client = connected("truck-1", "wide");
    for (String prefix : List.of("", "$share/g/", "$share/own/")) {
      deniedFilters(client, prefix + "#", prefix + "own/#", prefix + "own/+", prefix + "own/+/x");
      deniedFilters(client, prefix + "+/truck-1/#", prefix + "news/#", prefix + "+/+");
      deniedFilters(client, prefix + "own/truck-2/#", prefix + "OWN/truck-1/#", prefix + "/own");
      deniedFilters(client, prefix + "own/truck-1x/#", prefix + "own/truck-/#");
      assertThat(client.subscribe(prefix + "own/truck-1/#", 1)).isEqualTo(1);
      assertThat(client.subscribe(prefix + "own/truck-1/+/x", 1)).isEqualTo(1);
      assertThat(client.subscribe(prefix + "news/+", 1)).isEqualTo(1);
    }
    deniedFilters(client, "$share/g/$share/g/own/truck-1/x", "$shared/g/own/truck-1/x");
    // "..", as any level, is only itself
    assertThat(client.subscribe("own/truck-1/../truck-2", 1)).isEqualTo(1);
    RawClient neighbour = connected("truck-2", "neighbour");
    allowed(neighbour, "own/truck-2/x");
    client.expectNothing();
  }

  @Test
  void family20_aliasesAreJudgedAsTheirTopic() throws Exception {
    RawClient client = connected("truck-1", "alias");
    PropertyWriter one = new PropertyWriter().number(Property.TOPIC_ALIAS, 1);
    assertThat(client.publishAcked("own/truck-1/x", "x", one).reason().isError()).isFalse();
    assertThat(client.publishAcked("", "x", one).reason().isError()).isFalse();
    // now it stands for a topic that is not allowed, each time that it is used
    for (String topic : List.of("own/truck-2/x", "", "", "$SYS/x", "")) {
      assertThat(client.publishAcked(topic, "x", one).reason())
          .isEqualTo(ReasonCode.NOT_AUTHORIZED);
    }
    assertThat(client.publishAcked("own/truck-1/y", "x", one).reason().isError()).isFalse();
    assertThat(client.publishAcked("", "x", one).reason().isError()).isFalse();
    assertThat(client.publishAcked("own/truck-2/x", "x", one).reason().isError()).isTrue();
    client.send(client.publishPacket("", 0, 0, "x", one));
    client.expectEnd(ReasonCode.NOT_AUTHORIZED);
  }
}
