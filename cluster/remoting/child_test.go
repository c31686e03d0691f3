package remoting

import (
	"fmt"
	"os"
	"strings"
)

// childVariable makes this test binary a member of its own: "name addr peer=addr".
const childVariable = "GENDAC_REMOTING_CHILD"

// childMain runs until it is killed. It answers each "say" with the same word.
func childMain() {
	var name, bind, peers string
	if _, err := fmt.Sscan(os.Getenv(childVariable), &name, &bind, &peers); err != nil {
		panic(err)
	}
	r, err := Start(quietSystem(), Config{Name: name, Cluster: "test", Bind: bind})
	if err != nil {
		panic(err)
	}
	r.Handle("say", func(from Peer, body []byte) { _ = r.Send(from.Name, "say", body) })
	peer, addr, _ := strings.Cut(peers, "=")
	r.SetPeers(map[string]string{peer: addr})
	r.Open()
	fmt.Println(r.Addr()) // read by the parent
	select {}
}
