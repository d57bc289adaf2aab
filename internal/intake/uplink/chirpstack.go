package uplink

import (
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ChirpStack 4, HTTP integration, encoding JSON: the Protocol Buffers JSON mapping of integration.UplinkEvent, sent to the
// event endpoint with ?event=up. Members that are 0, false or "" are missing. Read are
//
//	deduplicationId    a UUID, one for all receptions of one frame: the ID
//	time               RFC 3339, of the reception
//	deviceInfo.devEui  16 hex digits
//	fPort              number
//	data               base64 of the decrypted payload
//	object             what the device profile's codec made of it; missing or null where there is none

// ChirpStackUp is the event of an uplink, in the query parameter "event". There are others: join, ack, txack, log, status,
// location, integration.
const ChirpStackUp = "up"

type chirpStackUplink struct {
	DeduplicationID string `json:"deduplicationId"`
	Time            string `json:"time"`
	DeviceInfo      struct {
		DevEUI string `json:"devEui"`
	} `json:"deviceInfo"`
	FPort  int            `json:"fPort"`
	Data   []byte         `json:"data"`
	Object jsontext.Value `json:"object"`
}

// ChirpStack reads an uplink event.
func ChirpStack(body []byte) (*Uplink, error) {
	var m chirpStackUplink
	if err := jsonv2.Unmarshal(body, &m); err != nil { // its words may quote the body
		return nil, bad("it is not an uplink event of ChirpStack 4 in JSON")
	}
	u := &Uplink{EndDevice: devEUI(m.DeviceInfo.DevEUI), ID: m.DeduplicationID, At: instant(m.Time), Port: m.FPort, Payload: m.Data, Decoded: m.Object}
	return u, u.check()
}
