# Writes epsilon.json: what Opacus' accountant gives at whole orders, and at its own (fractional ones too), against which private_test.go checks ours.
# pip install opacus==1.6.0 torch; python3 epsilon.py > epsilon.json
import json

from opacus.accountants.analysis import rdp

orders = {"whole": list(range(2, 513)), "own": [1 + x / 10.0 for x in range(1, 100)] + list(range(12, 64))}
out = []
for rate, noise, steps, delta in [
    (0.01, 1.0, 1000, 1e-5), (256 / 60000, 1.1, 14062, 1e-5), (0.04, 0.7, 1250, 1e-4), (0.02, 4.0, 5000, 1e-6),
    (1.0, 5.0, 10, 1e-5), (0.5, 2.0, 3, 1e-3), (0.001, 0.6, 10, 1e-5), (0.03125, 1.5, 1600, 1 / 3200),
]:
    row = dict(rate=rate, noise=noise, steps=steps, delta=delta)
    for name, alphas in orders.items():
        row[name] = float(rdp.get_privacy_spent(orders=alphas, rdp=rdp.compute_rdp(q=rate, noise_multiplier=noise, steps=steps, orders=alphas), delta=delta)[0])
    out.append(row)
print(json.dumps(out, indent=0))
