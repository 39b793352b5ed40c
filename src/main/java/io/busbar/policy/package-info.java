/**
 * Who may do what: clients, groups, topic spaces and bindings, compiled into a {@code Permit}.
 * Pure.
 */
package io.busbar.policy;
