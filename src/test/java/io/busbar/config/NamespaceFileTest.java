package io.busbar.config;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.busbar.policy.Attribute;
import io.busbar.policy.Client;
import io.busbar.policy.Client.ValidationScheme;
import io.busbar.policy.EventDelivery;
import io.busbar.policy.EventSubscription;
import io.busbar.policy.NamespaceSettings;
import io.busbar.policy.NamespaceSettings.NameSource;
import io.busbar.policy.Resource;
import io.busbar.policy.TestCa;
import io.busbar.policy.TokenIssuer;
import io.busbar.policy.TokenIssuer.Published;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateEncodingException;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NamespaceFileTest {
  private static final TestCa CA = TestCa.root("CN=Root");

  /** Line numbers of the tests below count from the first line of this text. */
  private static final String GOOD =
      """
      name: plant7
      description: a plant
      clients:
        - name: vehicle01
          description: the first
          attributes: {type: vehicle, load: 5, caps: [gps, lte], code: "007"}
        - name: pinned
          authenticationName: Pinned One
          state: Disabled
          clientCertificateAuthentication:
            validationScheme: ThumbprintMatch
            allowedThumbprints: ["00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33"]
      clientGroups:
        - name: vehicles
          query: attributes.type = 'vehicle'
      topicSpaces:
        - name: vehicles
          topicTemplates:
            - vehicles/${client.authenticationName}/#
            - "vehicles/+/command/#"
      permissionBindings:
        - {name: vehicles-pub, clientGroupName: vehicles, topicSpaceName: vehicles, permission: Publisher}
        - name: all-sub
          clientGroupName: $all
          topicSpaceName: vehicles
          permission: Subscriber
      caCertificates:
        - name: root
          encodedCertificate: "%s"
      alternativeAuthenticationNameSources: [ClientCertificateSubject]
      topics:
        - name: orders
          eventSubscriptions:
            - name: to-webhook
              deliveryConfiguration:
                deliveryMode: Push
                push:
                  maxDeliveryCount: 3
                  destination:
                    endpointType: WebHook
                    properties: {endpointUrl: "https://127.0.0.1:9/in?code=secret"}
            - name: alerts
              deliveryConfiguration: {deliveryMode: Queue}
      """
          .formatted(pem(""));

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void name() {
    file = directory.resolve("ns.yaml");
  }

  @Test
  void good() throws IOException {
    NamespaceFile read = read(GOOD);
    assertThat(read.namespace().settings().name()).isEqualTo("plant7");
    assertThat(read.namespace().clients())
        .containsExactly(
            new Client(
                "vehicle01",
                "vehicle01",
                true,
                ValidationScheme.SUBJECT_MATCHES_AUTHENTICATION_NAME,
                List.of(),
                Map.of(
                    "type", new Attribute.Text("vehicle"),
                    "load", new Attribute.Whole(5),
                    "caps", new Attribute.Texts(List.of("gps", "lte")),
                    "code", new Attribute.Text("007"))),
            new Client(
                "pinned",
                "Pinned One",
                false,
                ValidationScheme.THUMBPRINT_MATCH,
                List.of("00112233445566778899AABBCCDDEEFF00112233"),
                Map.of()));
    assertThat(read.namespace().permissionBindings()).hasSize(2);
    assertThat(read.namespace().topicSpaces().get(0).topicTemplates())
        .containsExactly("vehicles/${client.authenticationName}/#", "vehicles/+/command/#");
    assertThat(read.namespace().caCertificates().get(0).certificate()).isEqualTo(CA.certificate());
    assertThat(read.namespace().settings().alternativeAuthenticationNameSources())
        .containsExactly(NameSource.CLIENT_CERTIFICATE_SUBJECT);
    assertThat(read.resources().stream().map(ResourceForm::resource))
        .contains(
            new EventSubscription(
                "orders/to-webhook",
                new EventDelivery.Webhook(
                    URI.create("https://127.0.0.1:9/in?code=secret"),
                    1,
                    64,
                    false,
                    Optional.empty(),
                    Optional.empty(),
                    List.of()),
                3,
                Optional.empty(),
                Optional.empty(),
                List.of(),
                List.of(),
                Optional.empty()));
  }

  @Test
  void certificate_fromFileBesideTheNamespaceFile() throws IOException {
    Files.createDirectory(directory.resolve("certs"));
    Files.writeString(directory.resolve("certs/ca.pem"), "text before\n" + pem("\n") + "\n");
    NamespaceFile read = read("name: abc\ncaCertificates: [{name: root, file: certs/ca.pem}]");
    assertThat(read.namespace().caCertificates().get(0).certificate()).isEqualTo(CA.certificate());
    refused(
        "name: abc\ncaCertificates: [{name: root, file: gone.pem}]", "gone.pem: does not exist");
    Files.writeString(directory.resolve("two.pem"), pem("\n") + "\n" + pem("\n"));
    refused(
        "name: abc\ncaCertificates: [{name: root, file: two.pem}]",
        ":2: caCertificates[0].file: holds several certificates (allowed: one, the issuer)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "name: plant7| nmae: plant7| :1: unknown key \"nmae\" (allowed: name, clients, clientGroups,",
        "name: plant7| name: p| :1: name: 'p' (allowed: 3 to 50 of A-Z a-z 0-9 -)",
        "name: plant7| name: system-x| :1: name: 'system-x' (must not begin with Microsoft,",
        "name: plant7| name: 1234| :1: name: 1234 (allowed: a text, put it in quotes)",
        "name: plant7| name:| :1: name: nothing (allowed: a text)",
        "name: plant7| name: [a]| :1: name: a list (allowed: a text)",
        "name: plant7| title: x| :1: unknown key \"title\"",
        "name: plant7| # none| :2: name: missing (required)",
        "name: vehicle01| name: a/b| :4: clients[0].name: 'a/b' (allowed: 1 to 128 of",
        "name: vehicle01| nick: vehicle01| :4: unknown key \"nick\"",
        "name: vehicle01| state: Enabled| :4: clients[0].name: missing (required)",
        "name: vehicle01| name: pinned| :7: clients[1].name: 'pinned' is that of clients[0] too",
        "Pinned One| VEHICLE01| :8: clients[1].authenticationName: 'vehicle01' is that of clients[0]",
        "Pinned One| ''| :8: clients[1].authenticationName: '' (allowed: 1 to 128 characters",
        "state: Disabled| state: Disable| :9: clients[1].state: \"Disable\" (allowed: Enabled, Disabled)",
        "state: Disabled| state: true| :9: clients[1].state: true (allowed: a text, put it in quotes)",
        "ThumbprintMatch| Nonsense| :11: clients[1].clientCertificateAuthentication.validationScheme: \"Nonsense\" (allowed: SubjectMatchesAuthenticationName, DnsMatches",
        "ThumbprintMatch| SubjectMatchesAuthenticationName| :12: clients[1].clientCertificateAuthentication.allowedThumbprints: 1 given (allowed: 1 or 2",
        "00:11:22:33| 00:11:22| allowedThumbprints: '00:11:22:44",
        "load: 5| load: 5.5| :6: clients[0].attributes.load: 5.5 (allowed: a text, a whole number or a list of texts)",
        "load: 5| load: true| :6: clients[0].attributes.load: true (allowed: a text, a whole",
        "load: 5| load: {a: b}| :6: clients[0].attributes.load: a mapping (allowed: a text, a whole",
        "load: 5| load: 99999999999999999999| :6: clients[0].attributes.load: 99999999999999999999 (allowed: -9223372036854775808 to",
        "load: 5| lo-ad: 5| :6: clients[0].attributes: key 'lo-ad' (allowed: A-Z a-z 0-9 _)",
        "load: 5| type: 5| :6: key \"type\" is given again (first on line 6)",
        "[gps, lte]| [gps, 5]| :6: clients[0].attributes.caps[1]: 5 (allowed: a text, put it in quotes)",
        "name: vehicles| name: $all| :14: clientGroups[0].name: '$all' (allowed: 3 to 50",
        "= 'vehicle'| = and| :15: clientGroups[0].query: column 19: found 'and' (expected a literal)",
        "\"vehicles/+/command/#\"| \"$SYX/#\"| :20: topicSpaces[0].topicTemplates[1]: '$SYX/#' begins with '$'",
        "clientGroupName: vehicles| clientGroupName: nobody| :22: permissionBindings[0].clientGroupName: 'nobody' does not exist (allowed: $all or a name under clientGroups)",
        "topicSpaceName: vehicles\\n| topicSpaceName: nowhere\\n| :25: permissionBindings[1].topicSpaceName: 'nowhere' does not exist",
        "permission: Subscriber| permission: Reader| :26: permissionBindings[1].permission: \"Reader\" (allowed: Publisher, Subscriber)",
        "permission: Subscriber| description: x| :23: permissionBindings[1].permission: missing (required)",
        "encodedCertificate| encodedCert| :29: unknown key \"encodedCert\" (allowed: name, encodedCertificate, file)",
        "-----BEGIN| ----BEGIN| :29: caCertificates[0].encodedCertificate: holds no certificate",
        "CERTIFICATE-----MII| CERTIFICATE-----MI| :29: caCertificates[0].encodedCertificate: is not",
        "[ClientCertificateSubject]| [ClientCertificateCn]| :30: alternativeAuthenticationNameSources[0]: \"ClientCertificateCn\" (allowed: ClientCertificateSubject, ClientCertificateDns",
        "name: to-webhook| name: alerts| eventSubscriptions[1].name: \"orders/alerts\" is that of another",
        "name: to-webhook| name: x| topics[0].eventSubscriptions[0].name: 'x' (allowed: 3 to 50",
        "https://127.0.0.1:9/in| file:///etc/secret| destination.properties.endpointUrl: is not a URL of a webhook (allowed: http or https://host…",
        "endpointType: WebHook| endpointType: StorageQueue| destination.endpointType: \"StorageQueue\" is not offered here (allowed: WebHook, EventHub)",
        "deliveryMode: Push| deliveryMode: Pull| deliveryConfiguration.deliveryMode: \"Pull\" (allowed: Queue, Push)",
        "maxDeliveryCount: 3| maxDeliveryCount: 11| deliveryConfiguration.push.maxDeliveryCount: 11 (allowed: 1 to 10)",
        "clientGroups:| clientGroups: 5| not YAML",
      })
  void refused_withLineAndPath(String good, String bad, String problem) throws IOException {
    String from = good.replace("\\n", "\n");
    assertThat(GOOD).contains(from);
    String to = bad.replace("\\n", "\n");
    refused(
        GOOD.replaceFirst(
            java.util.regex.Pattern.quote(from), java.util.regex.Matcher.quoteReplacement(to)),
        problem);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "5",
        "a: b: c",
        "\t",
        "name: plant7\n---\nname: plant8",
        "name: !!str plant7",
        "name: !x plant7",
        "? [a]\n: b",
        "name: *none",
        "name: &a [*a]",
        "{",
        "\"",
        "name: plant7\n%",
        "name: plant7\nclients: {}",
        "name: plant7\nclients: [5]",
        "name: plant7\u0007",
        "",
        "# none",
      })
  void refused_forms(String text) throws IOException {
    refused(text, "");
  }

  @Test
  void secrets_areNotRepeated() throws IOException {
    refused(
        GOOD.replace("https://127.0.0.1:9/in?code=secret", "https:// host/?code=s3cr3t"), "URL");
    assertThatThrownBy(() -> NamespaceFile.read(file)).hasMessageNotContaining("s3cr3t");
  }

  @Test
  void hostileFiles_areBounded() throws IOException {
    refused("name: " + "[".repeat(100_000), "nests more than 64 levels deep");
    refused("name: " + "{a: ".repeat(100_000), "nests more than 64 levels deep");
    StringBuilder bomb = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) {
      bomb.append("a%d: &a%d [%s]\n".formatted(i, i, ("*a" + (i - 1) + ",").repeat(10)));
    }
    refused(bomb.toString(), "aliases repeat more than 100000 values");
    try (var channel = new java.io.RandomAccessFile(file.toFile(), "rw")) {
      channel.setLength((64L << 20) + 1);
    }
    assertThatThrownBy(() -> NamespaceFile.read(file))
        .isInstanceOf(ConfigException.class)
        .hasMessageEndingWith("ns.yaml: is larger than 67108864 bytes (allowed: at most that)");
  }

  @Test
  void unreadableFiles() throws IOException {
    assertThatThrownBy(() -> NamespaceFile.read(file))
        .isInstanceOf(ConfigException.class)
        .hasMessage(file + ": does not exist");
    assertThatThrownBy(() -> NamespaceFile.read(directory))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith(directory + ": 0 of its 0 files have the name of the namespace");
    Files.write(file, new byte[] {'a', (byte) 0xff});
    assertThatThrownBy(() -> NamespaceFile.read(file)).hasMessage(file + ": is not UTF-8");
  }

  @Test
  void aliases_meanWhatTheyRepeat() throws IOException {
    NamespaceFile read =
        read(
            "name: abc\nclients:\n- {name: a, attributes: &x {k: v}}\n- {name: b, attributes: *x}");
    assertThat(read.namespace().clients().get(1).attributes())
        .isEqualTo(Map.of("k", new Attribute.Text("v")));
  }

  @Test
  void anyMutation_isReadOrRefusedInOneLine() throws IOException {
    Random random = new Random(20_261_123);
    byte[] good = GOOD.getBytes(UTF_8);
    byte[] spice = "{}[]:-,#&*!|>'\"%@`$ \n\t\0\u00ff0aZ?~<=".getBytes(ISO_8859_1);
    int read = 0;
    for (int round = 0; round < 3_000; round++) {
      byte[] bytes = good.clone();
      for (int i = random.nextInt(3); i >= 0; i--) {
        int at = random.nextInt(bytes.length);
        switch (random.nextInt(3)) {
          case 0 -> bytes[at] = spice[random.nextInt(spice.length)];
          case 1 -> bytes = java.util.Arrays.copyOf(bytes, at + 1);
          default -> {
            int from = random.nextInt(bytes.length);
            int length = Math.min(random.nextInt(20), bytes.length - Math.max(at, from));
            System.arraycopy(bytes, from, bytes, at, length);
          }
        }
      }
      Files.write(file, bytes);
      try {
        NamespaceFile.read(file);
        read++;
      } catch (ConfigException e) {
        assertThat(e.getMessage()).startsWith(file.toString()).doesNotContain("\n");
      } catch (RuntimeException e) {
        throw new AssertionError("round " + round + ": " + new String(bytes, UTF_8), e);
      }
    }
    assertThat(read).isBetween(100, 2_900);
  }

  @Test
  void issuersThatPublishTheirKeysAreStoredAsTheyAreRead() throws IOException {
    NamespaceFile read =
        read(
            """
            name: plant
            customJwtAuthentication: {tokenIssuer: plant, jwksUri: "https://tokens.example.com/keys"}
            oauth2JwtAuthentication: {tokenIssuer: "https://sts.example.com/t/", discovery: true}
            """);
    ResourceForm form = read.resources().get(0);
    assertThat(ResourceForm.decode(Resource.Kind.NAMESPACE, form.encode())).isEqualTo(form);
    List<TokenIssuer> issuers = ((NamespaceSettings) form.resource()).tokenIssuers();
    assertThat(issuers.get(0).published())
        .contains(new Published(URI.create("https://tokens.example.com/keys"), Optional.empty()));
    assertThat(issuers.get(1).published())
        .contains(
            new Published(
                URI.create("https://sts.example.com/t/.well-known/openid-configuration"),
                Optional.of("https://sts.example.com/t/")));
    refused(
        "name: plant\ncustomJwtAuthentication: {tokenIssuer: p, jwksUri: 'http://example.com/'}",
        ":2: customJwtAuthentication.jwksUri: is not a URL of a JWK Set (allowed: https://host");
    refused(
        "name: plant\ncustomJwtAuthentication: {tokenIssuer: p, discovery: yes}",
        ":2: customJwtAuthentication.discovery: \"yes\" (allowed: true, false)");
  }

  private NamespaceFile read(String text) throws IOException {
    Files.writeString(file, text);
    return NamespaceFile.read(file);
  }

  private void refused(String text, String problem) throws IOException {
    byte[] bytes = text.getBytes(UTF_8);
    Files.write(file, bytes);
    assertThatThrownBy(() -> NamespaceFile.read(file))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(problem)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
  }

  private static String pem(String newline) {
    try {
      return "-----BEGIN CERTIFICATE-----"
          + newline
          + Base64.getMimeEncoder(64, newline.getBytes(UTF_8))
              .encodeToString(CA.certificate().getEncoded())
          + newline
          + "-----END CERTIFICATE-----";
    } catch (CertificateEncodingException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aDirectoryIsReadAsOneNamespace(@TempDir Path directory) throws IOException {
    Files.writeString(directory.resolve("b.yaml"), "name: plant\nclients: [{name: one}]\n");
    Files.writeString(directory.resolve("a.yml"), "clients: [{name: two}]\n");
    Files.writeString(
        directory.resolve("c.json"),
        "{\"permissionBindings\": [{\"name\": \"all\", \"clientGroupName\": \"$all\","
            + " \"topicSpaceName\": \"every\", \"permission\": \"Publisher\"}],"
            + " \"topicSpaces\": [{\"name\": \"every\", \"topicTemplates\": [\"#\"]}]}");
    Files.writeString(directory.resolve(".hidden.yaml"), "not: read");
    Files.writeString(directory.resolve("notes.txt"), "not read");
    NamespaceFile read = NamespaceFile.read(directory);
    assertThat(read.namespace().settings().name()).isEqualTo("plant");
    assertThat(read.resources().stream().map(form -> form.resource().name()))
        .containsExactly("plant", "one", "two", "every", "all");
    assertThat(read.files()).as("itself too, so that a new file is seen").contains(directory);
    assertThat(read.files()).hasSize(4);

    Files.writeString(directory.resolve("d.yaml"), "name: other\n");
    assertThatThrownBy(() -> NamespaceFile.read(directory))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("2 of its 4 files have the name of the namespace");
    Files.writeString(directory.resolve("d.yaml"), "routeTopic: t\n");
    assertThatThrownBy(() -> NamespaceFile.read(directory))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("d.yaml:1: unknown key \"routeTopic\" (allowed: clients,");
  }
}
