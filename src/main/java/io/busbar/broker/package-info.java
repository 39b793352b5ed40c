/** The MQTT verticles: connection, authorization, matching, session. */
package io.busbar.broker;
