// Package history judges what many clients of a dictionary saw of it while its members were killed, paused and cut off
// from each other: whether every answer fits one order of all operations (linearizability, by porcupine), whether the
// watches of all members show that same order without gap or repeat, and whether local reads show states of it.
package history
