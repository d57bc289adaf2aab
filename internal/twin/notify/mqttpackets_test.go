package notify

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/iotest"
)

// sent is a connection over which these bytes come.
type sent struct {
	net.Conn
	from io.Reader
}

func (c sent) Read(b []byte) (int, error) { return c.from.Read(b) }

func TestWhatABrokerAnswersIsReadAsItCame(t *testing.T) {
	long := append([]byte{0xe0, 0x80, 0x80, 0x01}, make([]byte, maxPacket)...) // DISCONNECT with as long a reason as may be
	all := append(append([]byte{0x20, 2, 0, 0, 0x40, 3, 0, 1, 0, 0xd0, 0}, long...), 0x70, 2, 0, 1)
	for name, from := range map[string]io.Reader{
		"at once":   bytes.NewReader(all),
		"by bytes":  iotest.OneByteReader(bytes.NewReader(all)),
		"by halves": iotest.HalfReader(bytes.NewReader(all)),
	} {
		got, err := io.ReadAll(&acknowledged{Conn: sent{from: from}})
		if err != nil || !bytes.Equal(got, all) {
			t.Errorf("%s: got %d bytes, %v, want %d", name, len(got), err, len(all))
		}
	}
}

func TestBrokerCannotSendWhatAPublisherHasNotAskedFor(t *testing.T) {
	for name, packet := range map[string][]byte{
		"a CONNACK of 256 MB":        {0x20, 0xff, 0xff, 0xff, 0x7f},
		"an acknowledgement of 17 K": {0x40, 0x80, 0x88, 0x01},
		"a length without an end":    {0x20, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01},
		"a message":                  {0x30, 3, 0, 1, 'a'},
		"a message to be kept":       {0x34, 5, 0, 1, 'a', 0, 1},
		"a SUBACK":                   {0x90, 3, 0, 1, 0},
		"no type":                    {0x00, 0},
	} {
		got, err := io.ReadAll(&acknowledged{Conn: sent{from: bytes.NewReader(append([]byte{0xd0, 0}, packet...))}})
		if !errors.Is(err, errPacket) || len(got) != 2 {
			t.Errorf("%s: got %x, %v, want what came before it and %v", name, got, err, errPacket)
		}
	}
}

// A subscription names any broker. One that claims to send 256 MB must not make the hub reserve them.
func TestHostileBrokerCostsNoMemory(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Write([]byte{0x20, 0xff, 0xff, 0xff, 0x7f})
			defer c.Close()
		}
	}()
	s := NewSender(SenderConfig{Reach: Reach{Anywhere: true}})
	defer s.Close()
	for _, version := range []string{"mqtt3.1.1", "mqtt5.0"} {
		to, err := ParseEndpoint([]byte(`{"uri":"mqtt://` + l.Addr().String() + `/a","timeout":2000,"notifierInfo":[{"key":"MQTT-Version","value":"` + version + `"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := s.Send(t.Context(), to, Notification{Body: []byte("{}")}); err == nil {
			t.Fatalf("%s: it has been delivered", version)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
			t.Errorf("%s: one attempt took %d bytes, want less than 16 MB", version, got)
		}
	}
}

func FuzzBrokerPackets(f *testing.F) {
	f.Add([]byte{0x20, 2, 0, 0, 0x40, 2, 0, 1})
	f.Add([]byte{0x20, 0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{0xe0, 0x80, 0x80, 0x01, 1})
	f.Fuzz(func(t *testing.T, from []byte) {
		got, err := io.ReadAll(&acknowledged{Conn: sent{from: iotest.HalfReader(bytes.NewReader(from))}})
		if !bytes.HasPrefix(from, got) || err == nil && len(got) != len(from) {
			t.Fatalf("%x became %x, %v", from, got, err)
		}
	})
}
