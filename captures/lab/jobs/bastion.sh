#!/bin/bash
# The jump host: sshd for the operators, and a small check of other hosts every half minute.
useradd -m -s /bin/bash ops 2>/dev/null && echo "ops:$(head -c 12 /dev/urandom | base64)" | chpasswd
mkdir -p /home/ops/.ssh /run/sshd && cp /state/ops.pub /home/ops/.ssh/authorized_keys
chown -R ops /home/ops/.ssh && chmod 700 /home/ops/.ssh && chmod 600 /home/ops/.ssh/authorized_keys
(while sleep $((20 + RANDOM % 20)); do
    curl -s -m 3 -o /dev/null http://web.lab/health
    curl -s -m 3 -o /dev/null http://monitor-1.lab:9100/ || true      # closed: refused, as in many real networks
done) &
exec /usr/sbin/sshd -D -e -o UseDNS=no -o MaxStartups=100 -o PerSourceMaxStartups=none
