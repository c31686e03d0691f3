package main

import (
	"encoding/json"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/examples/pair/observer"
)

// A telSwitch counts as long as it is active and tells the judge every millisecond. Its state is the counter.
type telSwitch struct {
	app.Defaults
	judge string        // UDP address
	n     uint64        // handed over to the successor
	done  chan struct{} // closed when act has ended
}

func (w *telSwitch) Start(ctx *app.Context, s app.Start) error {
	w.done = make(chan struct{})
	if s.Role != app.Active {
		close(w.done)
		return nil // a standby waits
	}
	w.n = 0
	if s.Kind == app.Takeover {
		w.n, _ = strconv.ParseUint(string(s.Handover), 10, 64) // a predecessor without state hands over nothing: 0
	}
	conn, err := net.Dial("udp", w.judge)
	if err != nil {
		close(w.done)
		return err
	}
	go w.act(ctx, s, conn)
	return nil
}

func (w *telSwitch) act(ctx *app.Context, s app.Start, conn net.Conn) {
	defer close(w.done)
	defer func() { _ = conn.Close() }()
	for tick := time.NewTicker(time.Millisecond); ctx.Err() == nil; <-tick.C {
		until := ctx.ActiveUntil()
		if !ctx.Active() { // asked right before every act
			continue
		}
		w.n++
		act := observer.Act{Member: ctx.Member(), PID: os.Getpid(), Epoch: s.Epoch, Start: s.String(), N: w.n}
		act.Left = time.Until(until).Microseconds()
		_ = json.NewEncoder(conn).Encode(act) // the judge takes silence for what it is
	}
}

func (w *telSwitch) Stop(*app.Context) ([]byte, error) {
	<-w.done // after Stop nothing acts any more
	return strconv.AppendUint(nil, w.n, 10), nil
}
