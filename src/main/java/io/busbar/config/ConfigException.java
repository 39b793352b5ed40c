package io.busbar.config;

/**
 * A configuration that cannot be used: one line that names file, key, value and what is allowed.
 */
public final class ConfigException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A message for the person who wrote the configuration. */
  public ConfigException(String message) {
    super(message);
  }

  /** The same with what caused it. */
  public ConfigException(String message, Throwable cause) {
    super(message, cause);
  }
}
