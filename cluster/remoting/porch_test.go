package remoting

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// dialer is a listener whose connections are pipes from the hosts that a test names.
type dialer struct{ conns chan net.Conn }

func (d dialer) Accept() (net.Conn, error) { return <-d.conns, nil }
func (d dialer) Close() error              { return nil }
func (d dialer) Addr() net.Addr            { return &net.TCPAddr{} }

type from struct {
	net.Conn
	host string
}

func (f from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(f.host), Port: 1} }

// arrive brings one connection to the porch.
func arrive(p *porch, host string) (*caller, net.Conn) {
	here, there := net.Pipe()
	p.Listener.(dialer).conns <- from{here, host}
	c, _ := p.Accept()
	return c.(*caller), there
}

func newTestPorch() *porch { return newPorch(dialer{make(chan net.Conn, 1)}) }

// pour writes until the connection ends and counts what was taken.
func pour(c net.Conn, taken chan<- int) {
	n := 0
	for {
		m, err := c.Write(make([]byte, 1000))
		if n += m; err != nil {
			taken <- n
			return
		}
	}
}

// TestAStrangerIsReadLittleAndNotForLong: what is read stops at the bound, and goes on once a link has admitted the connection;
// without that it ends.
func TestAStrangerIsReadLittleAndNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := arrive(newTestPorch(), "10.0.0.1")
		taken, begin := make(chan int), time.Now()
		go pour(there, taken)
		got, _ := io.Copy(io.Discard, c)
		if n := <-taken; got != strangerBytes || n != strangerBytes {
			t.Errorf("read %d bytes, %d were taken, want %d", got, n, strangerBytes)
		}
		if took := time.Since(begin); took != admitWithin {
			t.Errorf("it ended after %s, want %s", took, admitWithin)
		}
	})
}

// slowToClose is a connection that can still be read a second after it was told to close.
type slowToClose struct{ net.Conn }

func (s slowToClose) Close() error {
	time.Sleep(time.Second)
	return s.Conn.Close()
}

// TestAStrangerWhoseTimeIsOverIsReadNoFurther: the bound holds also while its connection is being closed.
func TestAStrangerWhoseTimeIsOverIsReadNoFurther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := arrive(newTestPorch(), "10.0.0.1")
		c.Conn = slowToClose{c.Conn}
		taken := make(chan int)
		go pour(there, taken)
		if got, err := io.Copy(io.Discard, c); got != strangerBytes || !errors.Is(err, net.ErrClosed) {
			t.Errorf("read %d bytes, want %d; %v", got, strangerBytes, err)
		}
		<-taken
	})
}

func TestAnAdmittedConnectionHasNoBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPorch()
		c, there := arrive(p, "10.0.0.1")
		taken := make(chan int)
		go pour(there, taken)
		time.AfterFunc(admitWithin/2, c.admit)
		const many = 10 * strangerBytes
		if _, err := io.CopyN(io.Discard, c, many); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * admitWithin)
		if _, err := io.CopyN(io.Discard, c, many); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		c.dismiss() // its link is gone: a stranger again
		rest, _ := io.Copy(io.Discard, c)
		if took := time.Since(begin); rest != strangerBytes || took != admitWithin {
			t.Errorf("after its link, %d bytes in %s", rest, took)
		}
		<-taken
		if len(p.waiting) != 0 {
			t.Errorf("%d connections are still counted", len(p.waiting))
		}
	})
}

// TestWhoHasMostConnectionsMakesRoom: a stranger with many addresses' worth of connections keeps no member out.
func TestWhoHasMostConnectionsMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTestPorch()
		p.most, p.perHost = 6, 4
		ended := func(c *caller) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.ended
		}
		var mine []*caller
		for range 10 {
			c, _ := arrive(p, "10.0.0.1")
			mine = append(mine, c)
		}
		for i, c := range mine {
			if ended(c) != (i < 6) {
				t.Errorf("connection %d of 10 from one host ended: %t", i, ended(c))
			}
		}
		var others []*caller
		for _, host := range []string{"10.0.0.2", "10.0.0.3", "10.0.0.4"} {
			c, _ := arrive(p, host)
			others = append(others, c)
		}
		for _, c := range others {
			if ended(c) {
				t.Errorf("%s was turned away", c.host)
			}
		}
		if !ended(mine[6]) || ended(mine[7]) || len(p.waiting) != p.most {
			t.Errorf("the wrong one made room; %d wait", len(p.waiting))
		}
		for _, c := range append(mine, others...) {
			if err := c.Close(); err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Error(err)
			}
		}
	})
}
