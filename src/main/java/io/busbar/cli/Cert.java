package io.busbar.cli;

import io.busbar.tool.Certificates;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code busbar cert}: an authority for trials and certificates from it. */
@Command(
    name = "cert",
    mixinStandardHelpOptions = true,
    description = {
      "Makes an authority for trials, and certificates from it (ECDSA P-256, PEM).",
      "What is there and valid for another week is kept."
    },
    footer = {
      "",
      "Examples:",
      "  busbar cert server broker.example.org 10.0.0.7",
      "  busbar cert client press-7 press-8",
      "  busbar cert revoke press-7",
      "  busbar cert node '*.busbar-nodes.default.svc'"
    })
final class Cert implements Runnable {
  @Spec private CommandSpec spec;

  @Option(
      names = "--home",
      paramLabel = "DIR",
      scope = ScopeType.INHERIT,
      defaultValue = "${sys:user.home}/.busbar",
      description = "where the files are (${DEFAULT-VALUE})")
  private Path home;

  @Override
  public void run() {
    throw new ParameterException(
        spec.commandLine(), "no certificate named (allowed: ca, server, client, node, revoke)");
  }

  @Command(description = "The authority: ca.pem, ca-key.pem.", mixinStandardHelpOptions = true)
  int ca() throws IOException {
    say(certificates().authority());
    return 0;
  }

  @Command(description = "A server's: server.pem, server-key.pem.", mixinStandardHelpOptions = true)
  int server(
      @Parameters(
              arity = "0..*",
              paramLabel = "HOST",
              description = "names and addresses it is valid for; without any, this machine's")
          List<String> hosts)
      throws IOException {
    say(certificates().server(hosts == null ? thisMachine() : hosts));
    return 0;
  }

  @Command(
      description = "A node's towards other nodes: node.pem, node-key.pem; node-ca.pem signs them.",
      mixinStandardHelpOptions = true)
  int node(
      @Parameters(
              arity = "0..*",
              paramLabel = "HOST",
              description = "names and addresses it is reached at; without any, this machine's")
          List<String> hosts)
      throws IOException {
    Certificates certificates = certificates();
    say(certificates.ofNodes().authority());
    say(certificates.node(hosts == null ? thisMachine() : hosts));
    return 0;
  }

  @Command(
      description = "Devices': clients/NAME.pem, clients/NAME-key.pem.",
      mixinStandardHelpOptions = true)
  int client(
      @Parameters(
              arity = "1..*",
              paramLabel = "NAME",
              description = "authentication names; each becomes the subject's CN")
          List<String> names)
      throws IOException {
    Certificates certificates = certificates();
    for (String name : names) {
      say(certificates.client(name));
    }
    return 0;
  }

  @Command(
      description = {
        "Puts devices' certificates on the authority's list, revoked.pem, and makes it valid for a",
        "year from now. Nodes look there that have it under revocation.lists."
      },
      mixinStandardHelpOptions = true)
  int revoke(
      @Parameters(
              arity = "0..*",
              paramLabel = "NAME",
              description = "authentication names; without any, the list is made anew")
          List<String> names)
      throws IOException {
    say(certificates().revoke(names == null ? List.of() : names));
    return 0;
  }

  /** Names and addresses under which a server on this machine is reached from it. */
  static List<String> thisMachine() {
    Set<String> names = new LinkedHashSet<>(List.of("localhost", "127.0.0.1", "::1"));
    try {
      String name = InetAddress.getLocalHost().getHostName();
      if (name.matches("[A-Za-z0-9.-]+")) {
        names.add(name);
      }
    } catch (UnknownHostException e) {
      // A machine without a name is reached as localhost.
    }
    return new ArrayList<>(names);
  }

  private Certificates certificates() throws IOException {
    return Certificates.in(home, Instant.now());
  }

  private void say(Certificates.Identity made) {
    say(made.certificate());
    say(made.key());
  }

  private void say(Path file) {
    spec.commandLine().getOut().println(file);
    spec.commandLine().getOut().flush();
  }
}
