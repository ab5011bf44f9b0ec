package e2e

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// zone has the addresses of names. A name whose addresses stand behind "then:"
// resolves to those before it the first time, and to those behind it afterwards;
// one behind "alias:" is an alias.
type zone map[string]string

// inside are names that hold an address: 10-0-0-1.in.test.
const inside = ".in.test."

// serveDNS answers for a zone at the address of the namespace's resolver.
func serveDNS(t testing.TB, z zone) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	asked := map[dnsmessage.Question]int{}
	var mu sync.Mutex
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			mu.Lock()
			asked[m.Questions[0]]++
			again := asked[m.Questions[0]] > 1
			mu.Unlock()
			reply := z.reply(m, again)
			if out, err := reply.Pack(); err == nil {
				conn.WriteTo(out, from)
			}
		}
	}()
}

func (z zone) reply(m dnsmessage.Message, again bool) dnsmessage.Message {
	q := m.Questions[0]
	name := strings.ToLower(q.Name.String())
	r := dnsmessage.Message{Questions: m.Questions, Header: dnsmessage.Header{ID: m.ID, Response: true,
		Authoritative:    true,
		RecursionDesired: m.RecursionDesired, RecursionAvailable: true}}
	text, ok := z[name]
	if address, in := strings.CutSuffix(name, inside); in {
		text, ok = strings.ReplaceAll(address, "-", "."), true
	}
	owner := q.Name
	if alias, is := strings.CutPrefix(text, "alias:"); is {
		target := dnsmessage.MustNewName(alias)
		r.Answers = append(r.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: owner, Class: q.Class,
			TTL: 0},
			Body: &dnsmessage.CNAMEResource{CNAME: target}})
		owner, text = target, z[alias]
	}
	if !ok {
		r.RCode = dnsmessage.RCodeNameError
		return r
	}
	if first, then, turns := strings.Cut(text, "then:"); turns {
		text = first
		if again {
			text = then
		}
	}
	for _, field := range strings.Fields(text) {
		address := netip.MustParseAddr(field)
		var body dnsmessage.ResourceBody
		switch {
		case address.Is4() && q.Type == dnsmessage.TypeA:
			body = &dnsmessage.AResource{A: address.As4()}
		case address.Is6() && q.Type == dnsmessage.TypeAAAA:
			body = &dnsmessage.AAAAResource{AAAA: address.As16()}
		default:
			continue
		}
		r.Answers = append(r.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: owner, Class: q.Class,
			TTL: 0}, Body: body})
	}
	return r
}
