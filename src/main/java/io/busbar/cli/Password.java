package io.busbar.cli;

import io.busbar.config.Passwords;
import io.busbar.policy.Resource.Kind;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.PrintWriter;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code busbar client password}: hashes a password, which is on no command line. */
@Command(
    name = "password",
    mixinStandardHelpOptions = true,
    description = {
      "Reads a password from standard input, and prints its Argon2id hash for a namespace file"
          + " (clients: passwordAuthentication.passwordHash).",
      "With a NAME it gives that client this password instead: no certificate lets it in then. One"
          + " that is connected is put out."
    },
    footer = {
      "",
      "Examples:",
      "  busbar client password < secret.txt",
      "  read -rs secret; printf %s \"$secret\" | busbar client password press-7"
    })
final class Password implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ApiClient api;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "NAME",
      description = "a client that is to have it")
  private String name;

  @Override
  public Integer call() throws IOException, InterruptedException {
    byte[] password = read();
    String hash = Passwords.hash(password, new SecureRandom()).text();
    Arrays.fill(password, (byte) 0);
    PrintWriter out = spec.commandLine().getOut();
    if (name == null) {
      out.println(hash);
    } else {
      give(hash);
      out.println("changed");
    }
    out.flush();
    return 0;
  }

  private void give(String hash) throws IOException, InterruptedException {
    String namespace = api.namespace();
    JsonObject now = api.whole(namespace, Kind.CLIENT, name);
    if (now == null) {
      throw new ParameterException(
          spec.commandLine(),
          "NAME: there is no client \"%s\" (allowed: one that is there)".formatted(name));
    }
    JsonObject wanted = Shapes.properties(now);
    wanted.remove("clientCertificateAuthentication");
    wanted.put("passwordAuthentication", new JsonObject().put("passwordHash", hash));
    api.ask(
        "PUT",
        ApiClient.path(namespace, Kind.CLIENT, name),
        new JsonObject().put("properties", wanted));
  }

  /** One line, without its end. */
  private byte[] read() throws IOException {
    byte[] all = System.in.readNBytes(Passwords.MAX_BYTES + 2);
    int end = all.length;
    if (end > 0 && all[end - 1] == '\n') {
      end--;
    }
    if (end > 0 && all[end - 1] == '\r') {
      end--;
    }
    if (end < 1 || end > Passwords.MAX_BYTES) {
      throw new ParameterException(
          spec.commandLine(),
          "the password has %s%d bytes (allowed: 1 to %d)"
              .formatted(
                  end > Passwords.MAX_BYTES ? "more than " : "",
                  Math.min(end, Passwords.MAX_BYTES),
                  Passwords.MAX_BYTES));
    }
    byte[] password = Arrays.copyOf(all, end);
    Arrays.fill(all, (byte) 0);
    return password;
  }
}
