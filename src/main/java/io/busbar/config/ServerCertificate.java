package io.busbar.config;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The files of a server's certificate, which may be replaced while it serves. */
public final class ServerCertificate {
  private final Path certificate;
  private final Path key;
  private final WatchedFiles files;

  /** As it is now, which the server shows already. */
  public ServerCertificate(Path certificate, Path key) {
    this.certificate = certificate;
    this.key = key;
    files = new WatchedFiles(List.of(certificate, key));
  }

  /**
   * Whether there is another one since the last call; the first call says no. Looks at the disk.
   *
   * @throws IOException once for each change that leaves no certificate with its key: it must not
   *     be shown then
   */
  public boolean isRenewed() throws IOException {
    boolean isFirst = files.isNew();
    if (!files.haveChanged() || isFirst) {
      return false;
    }
    CertifiedKey.require(certificate, key);
    return true;
  }
}
