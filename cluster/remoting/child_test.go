package remoting

import (
	"fmt"
	"os"
	"strings"

	"github.com/gendac/gendac/cluster/model"
)

// childVariable makes this test binary a member of its own: "name addr peer=addr".
const childVariable = "GENDAC_REMOTING_CHILD"

// childMain runs until it is killed. It answers each "say" with the same word, and has an actor "server".
func childMain() {
	var name, bind, peers string
	if _, err := fmt.Sscan(os.Getenv(childVariable), &name, &bind, &peers); err != nil {
		panic(err)
	}
	system := quietSystem()
	r, err := Start(system, Config{Name: name, Cluster: "test", Bind: bind})
	if err != nil {
		panic(err)
	}
	r.Handle("say", func(from model.Member, body []byte) { _ = r.Send(from.Name, "say", body) })
	peer, addr, _ := strings.Cut(peers, "=")
	if _, err := system.Root.SpawnNamed(childServer(addr), "server"); err != nil {
		panic(err)
	}
	r.SetPeers(map[string]string{peer: addr})
	r.Open()
	fmt.Println(r.Addr()) // read by the parent
	select {}
}
