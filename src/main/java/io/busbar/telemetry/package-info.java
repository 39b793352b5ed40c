/** Names of meters, log fields and loss reasons. */
package io.busbar.telemetry;
