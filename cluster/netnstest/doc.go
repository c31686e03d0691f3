// Package netnstest makes networks of Linux network namespaces for tests with real processes: one namespace for each
// member, and a router between them that can cut any way, in one direction or in both, silently or not.
package netnstest
