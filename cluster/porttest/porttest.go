// Package porttest finds ports of loopback for tests: for members that begin there, die, and have to find the same port
// free when they come back.
package porttest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Outgoing connections have ports from 32768 on. Whoever dials a member that is not there could otherwise be given that
// member's own port, and so could a server of another test that asks for any port.
const lowest, highest = 20000, 32000

var (
	mu    sync.Mutex
	given = map[int]bool{}
)

// Free returns n ports that nobody uses now on 127.0.0.1, neither for TCP nor for UDP. No port is given twice by one process.
func Free(n int) ([]int, error) {
	mu.Lock()
	defer mu.Unlock()
	var ports []int
	for range highest - lowest {
		port := lowest + rand.IntN(highest-lowest)
		if given[port] || used(port) != nil {
			continue
		}
		given[port] = true
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("porttest: no %d free ports between %d and %d on 127.0.0.1", n, lowest, highest)
}

// Addr is one of Free, with its host.
func Addr() (string, error) {
	ports, err := Free(1)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0]), nil
}

func used(port int) error {
	ip := net.IPv4(127, 0, 0, 1)
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: port})
	if err != nil {
		return err
	}
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: port})
	if err != nil {
		return errors.Join(err, tcp.Close())
	}
	return errors.Join(udp.Close(), tcp.Close())
}
