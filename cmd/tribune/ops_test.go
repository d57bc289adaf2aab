package main_test

import (
	"net/http"
	"strings"
	"testing"

	"tribune/internal/client"
)

// TestOperations looks at one running city as its operator does.
func TestOperations(t *testing.T) {
	c := newCity(t)
	c.start(t, "--http", "127.0.0.1:0", "-v")
	t.Run("every query of dashboard and alerts names what the hub tells", func(t *testing.T) { dashboardsFit(t, c) })
	t.Run("requests with secrets leave none in log and metrics", func(t *testing.T) { secretsStayOut(t, c) })
	c.interrupt(t)
}

// secretsStayOut sends a secret in every part of a request that can hold one.
func secretsStayOut(t *testing.T, c *city) {
	const plate, name, token = "EE16XYZ", "ada-lovelace", "tribune_Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MEFC"
	const jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
	guest, inspector, integrator := c.as(t, ""), c.as(t, "inspector-ward"), c.as(t, "integrator-1")
	s := park(t, c, "urn:ngsi-ld:ParkingSession:"+name)
	s.ask(t, inspector)
	for _, bearer := range []string{token, jwt, "x y"} {
		mistaken := &client.Client{Base: guest.Base, Token: bearer}
		if a := get(t, mistaken, "/ngsi-ld/v1/entities?type=OffStreetParking"); a.Status != http.StatusUnauthorized {
			t.Errorf("a wrong token: got %d", a.Status)
		}
	}
	for _, path := range []string{
		"/ngsi-ld/v1/entities?q=licensePlate==%22" + plate + "%22", "/ngsi-ld/v1/entities/urn:ngsi-ld:Person:" + name, "/" + plate + "?token=" + token,
		"/record/leaves/" + plate, "/ngsi-ld/v1/entities?" + plate, "/problems/" + name,
	} {
		get(t, guest, path, "Cookie: tribune="+token, "Referer: http://x/?q="+plate, "Tribune-Purpose: "+name)
	}
	for _, body := range []string{`{"id":"` + plate, `{"licensePlate":"` + plate + `"}`, "\xff" + plate, strings.Repeat("[", 100) + plate} {
		do(t, integrator, http.MethodPost, entities, body)
		do(t, inspector, http.MethodPost, "/acts", body)
		do(t, guest, "BREW", "/"+name, body)
	}
	metrics := string(get(t, guest, "/metrics").Body)
	log := c.out.String()
	for _, secret := range []string{plate, name, token, jwt, s.plate, s.driver, integrator.Token, inspector.Token} {
		for where, text := range map[string]string{"log": log, "metrics": metrics} {
			if strings.Contains(text, secret) {
				at := strings.Index(text, secret)
				t.Errorf("%q is in the %s: ...%s", secret, where, text[max(0, at-200):at])
			}
		}
	}
	if strings.Count(log, "msg=request") < 15 || !strings.Contains(metrics, `status="4xx"`) {
		t.Errorf("the requests are not logged and counted at all; the log has %d", strings.Count(log, "msg=request"))
	}
}
