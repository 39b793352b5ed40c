package io.busbar.api;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The files of the web console, which hold no data: what it shows it asks the API for, with the key
 * of whoever looks. Immutable.
 *
 * <pre>
 *   GET /console/        the page
 *   GET /console/NAME    its styles and modules
 * </pre>
 */
final class Console {
  private static final String ROOT = "/console";
  private static final String PAGE = "index.html";

  /** All there are: whatever else a path names does not exist. */
  static final List<String> FILES =
      List.of(
          PAGE,
          "console.css",
          "icon.svg",
          "main.js",
          "api.js",
          "dom.js",
          "format.js",
          "charts.js",
          "meters.js",
          "overview.js",
          "cluster.js",
          "clients.js",
          "access.js",
          "events.js",
          "messages.js",
          "losses.js");

  private static final Map<String, String> TYPES =
      Map.of(
          "html", "text/html; charset=utf-8",
          "css", "text/css; charset=utf-8",
          "js", "text/javascript; charset=utf-8",
          "svg", "image/svg+xml");

  /** Nothing but the node's own files, no script or style within a page, no frame, no form. */
  private static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
          + " base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

  private final Map<String, Buffer> files = new HashMap<>();

  /** Reads them. */
  Console() {
    for (String name : FILES) {
      try (InputStream in = Console.class.getResourceAsStream("/io/busbar/console/" + name)) {
        files.put(name, Buffer.buffer(in.readAllBytes()));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  static boolean handles(String path) {
    return path.equals(ROOT) || path.startsWith(ROOT + "/");
  }

  /** Answers anybody. */
  void answer(HttpServerRequest request) {
    HttpServerResponse response = request.response();
    if (!request.method().equals(HttpMethod.GET) && !request.method().equals(HttpMethod.HEAD)) {
      refuse(request, Management.notAllowed(request, "GET, HEAD"));
      return;
    }
    if (request.path().equals(ROOT)) {
      response.putHeader("location", ROOT + "/");
      HttpVerticle.send(request, 308, TYPES.get("html"), "");
      return;
    }
    String rest = request.path().substring(ROOT.length() + 1);
    String name = rest.isEmpty() ? PAGE : rest;
    Buffer file = files.get(name);
    if (file == null) {
      refuse(request, new ApiError(404, "NotFound", "no such file (allowed: /console/)"));
      return;
    }
    response
        .putHeader("content-security-policy", POLICY)
        .putHeader("x-frame-options", "DENY")
        .putHeader("referrer-policy", "no-referrer")
        .putHeader("cross-origin-opener-policy", "same-origin")
        .putHeader("cross-origin-resource-policy", "same-origin");
    HttpVerticle.send(request, 200, TYPES.get(name.substring(name.indexOf('.') + 1)), file);
  }

  /** Where it is switched off. */
  static void refuse(HttpServerRequest request, ApiError error) {
    HttpVerticle.send(request, error.status(), HttpVerticle.JSON, error.toJson().encode());
  }
}
