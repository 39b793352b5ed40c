package io.busbar.api;

import io.vertx.core.json.JsonObject;

/** An answer that is an error, in the form of Azure Resource Manager. */
final class ApiError extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final int status;
  private final String code;

  ApiError(int status, String code, String message) {
    super(message, null, false, false);
    this.status = status;
    this.code = code;
  }

  static ApiError invalid(String message) {
    return new ApiError(400, "InvalidRequest", message);
  }

  static ApiError notFound(String what) {
    return new ApiError(404, "ResourceNotFound", what + " was not found");
  }

  static ApiError conflict(String message) {
    return new ApiError(409, "Conflict", message);
  }

  static ApiError unavailable(String message) {
    return new ApiError(503, "ServiceUnavailable", message);
  }

  int status() {
    return status;
  }

  String code() {
    return code;
  }

  JsonObject toJson() {
    return new JsonObject()
        .put("error", new JsonObject().put("code", code).put("message", getMessage()));
  }
}
