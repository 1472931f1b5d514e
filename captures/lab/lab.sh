#!/bin/bash
# The capture lab: a container gateway with a Docker daemon of its own, an outside world, users and attackers,
# all inside network namespaces, so this machine's interfaces, firewall and routes do not change.
#
#   lab.sh up                     build what is missing, start gateway, outside and containers
#   lab.sh clean SECONDS [RATE]   users visit the shop for SECONDS (RATE 1 is normal, 3 is a rush)
#   lab.sh attack KIND            one attack (attacks.py lists them)
#   lab.sh event NAME [ARG]       backup [full] | ops | restart BOX | deploy | scale | storm
#   lab.sh play SCHEDULE          the lines "SECOND COMMAND ARGS" of a file, on time
#   lab.sh capture FILE           record until `lab.sh capture-stop`
#   lab.sh gateway COMMAND...     run COMMAND in the gateway's namespace (a monitor, tcpdump, nft)
#   lab.sh docker ARGS...         the gateway's Docker
#   lab.sh down                   stop everything that `up` started and remove the namespaces
#
# LAB names the instance (several can run side by side), LAB_SEED the random numbers.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB=${LAB:-lazaret}
export LAB LAB_SEED=${LAB_SEED:-1}
state=/run/lazaret-lab/$LAB                     # sockets, pids, logs; short, for socket paths
store=${LAB_STORE:-/var/tmp/lazaret-lab}        # image and Docker's data; large
gw=$LAB-gw out=$LAB-out evil=$LAB-evil
export DOCKER_HOST=unix://$state/docker.sock

in_ns() { local ns=$1; shift; nsenter --net=/run/netns/"$ns" "$@"; }
# Starts a background program in a namespace and records its pid, so `down` ends only programs of the lab.
spawn() {
    local ns=$1 name=$2; shift 2
    nsenter --net=/run/netns/"$ns" "$@" >>"$state/$name.log" 2>&1 </dev/null &
    echo $! > "$state/pids/$name"
}
# Ends background programs, all at once, and waits until they have exited.
stop_pids() {
    local name pids=()
    for name; do [ -e "$state/pids/$name" ] && pids+=("$(cat "$state/pids/$name")") && rm -f "$state/pids/$name"; done
    [ ${#pids[@]} -gt 0 ] && kill "${pids[@]}" 2>/dev/null || return 0
    for _ in $(seq 100); do kill -0 "${pids[@]}" 2>/dev/null || return 0; sleep 0.1; done
}
topology() { awk -v kind="$1" '$1 == kind { $1 = ""; sub(/^ +/, ""); print }' "$here/topology.txt"; }

make_world() {
    local ns
    for ns in $gw $out $evil; do
        ip netns add "$ns"
        ip -n "$ns" link set lo up
        in_ns "$ns" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
            net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    done
    ip link add out0 netns "$gw" type veth peer name gw0 netns "$out"
    ip link add evil0 netns "$out" type veth peer name up0 netns "$evil"
    ip -n "$gw" addr add 172.31.255.1/30 dev out0;   ip -n "$gw" link set out0 up
    ip -n "$out" addr add 172.31.255.2/30 dev gw0;   ip -n "$out" link set gw0 up
    ip -n "$out" addr add 172.31.255.5/30 dev evil0; ip -n "$out" link set evil0 up
    ip -n "$evil" addr add 172.31.255.6/30 dev up0;  ip -n "$evil" link set up0 up
    ip -n "$gw" route add default via 172.31.255.2
    # Whole prefixes are local to their namespace: users, and the servers of the outside world ...
    ip -n "$out" route add local 198.51.100.0/24 dev lo
    ip -n "$out" route add local 203.0.113.0/26 dev lo
    ip -n "$out" addr add 203.0.113.53/32 dev lo
    ip -n "$out" route add 10.60.0.0/16 via 172.31.255.1
    ip -n "$out" route add blackhole 198.18.0.0/15      # answers to spoofed sources end here
    # ... and the attackers and their servers, one router further out.
    ip -n "$out" route add 203.0.113.64/26 via 172.31.255.6
    ip -n "$evil" route add local 203.0.113.64/26 dev lo
    ip -n "$evil" route add default via 172.31.255.5
    in_ns "$evil" sysctl -qw net.ipv4.icmp_echo_ignore_all=1
    # Without offloads, packets have the size and checksum that they have on the wire.
    in_ns "$gw" ethtool -K out0 tx off >/dev/null
    in_ns "$out" ethtool -K gw0 tx off >/dev/null; in_ns "$out" ethtool -K evil0 tx off >/dev/null
    in_ns "$evil" ethtool -K up0 tx off >/dev/null

    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=partner.example \
        -keyout "$state/tls.pem" -out "$state/tls.crt" 2>/dev/null
    cat "$state/tls.crt" >> "$state/tls.pem"
    spawn "$out" services-out python3 "$here/outside/services.py" "$state/tls.pem"
    spawn "$evil" services-evil python3 "$here/outside/services.py" "$state/tls.pem"
    spawn "$out" dns-out dnsmasq --keep-in-foreground --user=root --conf-file=/dev/null --no-resolv --no-hosts --pid-file= \
        --listen-address=203.0.113.53 --bind-interfaces --local-ttl=30 --address=/partner.example/203.0.113.10 \
        --address=/vault.partner.example/203.0.113.30 --address=/shops.example/203.0.113.20 \
        --address=/typo.example/ --address=/attacker.example/203.0.113.92 --server=/t.attacker.example/203.0.113.70
}

start_docker() {
    mkdir -p "$store/$LAB"
    "$here/build-image.sh" "$store/image.tar"
    spawn "$gw" dockerd dockerd --data-root "$store/$LAB/docker" --exec-root "$state/exec" --pidfile "$state/docker.pid" \
        -H "$DOCKER_HOST" --bridge=none --iptables=false --ip6tables=false --userland-proxy=false
    for _ in $(seq 100); do docker info >/dev/null 2>&1 && break; sleep 0.2; done
    docker image inspect lab/base >/dev/null 2>&1 || docker import "$store/image.tar" lab/base >/dev/null
    local image
    for image in $(topology box | awk '{ print $3 }' | sort -u); do docker tag lab/base "lab/$image"; done
    topology net | while read -r name prefix gateway; do
        docker network create --subnet "$prefix" --gateway "$gateway" -o com.docker.network.bridge.name="br-$name" \
            -o com.docker.network.bridge.enable_ip_masquerade=false "$name" >/dev/null
    done
}

# start_box NAME: one container of topology.txt, at its fixed address (Docker derives the MAC address from it).
start_box() {
    local name workload image net address when command extra=()
    read -r name workload image net address when command < <(topology box | awk -v n="$1" '$1 == n')
    [ "$workload" = worker ] && extra=(--cap-add NET_ADMIN --device /dev/net/tun)
    docker rm -f "$name" >/dev/null 2>&1 || true
    docker run -d --name "$name" --hostname "$name" --network "$net" --ip "$address" --init \
        --label workload="$workload" --label net="$net" -e LAB_SEED="$LAB_SEED" -e PYTHONDONTWRITEBYTECODE=1 "${extra[@]}" \
        -v "$here:/lab:ro" -v "$state/shared:/state:ro" -v "$state/shared/resolv.conf:/etc/resolv.conf:ro" \
        "lab/$image" $command >/dev/null
    wire_up "$name"
    echo "$name $workload $address" >> "$state/shared/running"
    publish
}
stop_box() {
    sed -i "/^$1 /d" "$state/shared/running"
    publish
    docker rm -f "$1" >/dev/null
}
wire_up() { nsenter -t "$(docker inspect -f '{{.State.Pid}}' "$1")" -n ethtool -K eth0 tx off >/dev/null || echo "$1 did not start" >&2; }
# Publishes the running containers to the resolver and the web front.
publish() {
    local shared=$state/shared
    awk '{ print $3, $1 ".lab", $2 ".lab" }' "$shared/running" > "$shared/hosts"
    { echo "upstream shop { keepalive 4;"
      awk '$2 == "app" { print "server " $3 ":8000 max_fails=2 fail_timeout=5s;" }' "$shared/running"
      echo "server 127.0.0.1:9 backup; }"; } > "$shared/upstream.conf"
    docker kill -s HUP dns-1 >/dev/null 2>&1 || true
}
reload_web() { for w in web-1 web-2; do docker exec "$w" nginx -c /lab/jobs/web.nginx.conf -s reload || true; done; }

up() {
    [ -e /run/netns/"$gw" ] && { echo "lab $LAB is up already; '$0 down' first" >&2; exit 1; }
    rm -rf "$state"; mkdir -p "$state"/{pids,shared/www,attacks}
    echo "nameserver 10.60.1.53" > "$state/shared/resolv.conf"
    python3 "$here/outside/pages.py" "$state/shared/www"
    ssh-keygen -q -t ed25519 -N '' -C ops -f "$state/ops" && cp "$state/ops.pub" "$state/shared/"
    : > "$state/shared/running"; publish
    make_world
    start_docker
    local name rest
    while read -r name _ _ _ _ when rest; do
        [ "$when" = base ] && start_box "$name" </dev/null
    done < <(topology box)
    for _ in $(seq 60); do
        docker exec db-1 pg_isready -q -h 127.0.0.1 -U shop && in_ns "$out" curl -sf -m 2 -o /dev/null http://10.60.1.11/api/product/1 && break
        sleep 1
    done
    reload_web
    echo "lab $LAB is up: $(docker ps -q | wc -l) containers"
}

down() {
    local name
    capture_stop 2>/dev/null || true
    [ -S "$state/docker.sock" ] && docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
    stop_pids $(ls "$state/pids" 2>/dev/null)
    for name in $evil $out $gw; do ip netns pids "$name" 2>/dev/null | xargs -r kill 2>/dev/null || true; done   # users, attacks
    for name in $evil $out $gw; do ip netns del "$name" 2>/dev/null || true; done
    awk -v a="$state/" -v b="$store/$LAB/" 'index($2, a) == 1 || index($2, b) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
    rm -rf "$store/$LAB"
    [ "${1:-}" = keep-logs ] || rm -rf "$state"
}

# Each frame is recorded once, where it enters the gateway: frames of containers on their bridge, frames from outside, and
# frames of the gateway itself (ARP, ICMP errors). The second sighting of a routed frame, on its way out, is omitted.
capture() {
    local nic mac own
    rm -rf "$state/cap"; mkdir -p "$state/cap"; echo "$1" > "$state/cap/name"
    for nic in out0 $(topology net | awk '{ print "br-" $1 }'); do
        mac=$(ip -n "$gw" -br link show "$nic" | awk '{ print $3 }')
        own=$(ip -n "$gw" -br addr show "$nic" | awk '{ sub("/.*", "", $3); print $3 }')
        spawn "$gw" "tcpdump-$nic" tcpdump -i "$nic" -n -s 512 -B 16384 -Z root -w "$state/cap/$nic.pcap" \
            "not ether src $mac or arp or src host $own"
    done
    sleep 1
}
capture_stop() {
    [ -e "$state/cap/name" ] || return 0
    stop_pids tcpdump-out0 $(topology net | awk '{ print "tcpdump-br-" $1 }')
    python3 "$here/merge.py" "$(cat "$state/cap/name")" "$state"/cap/*.pcap
    rm "$state/cap/name"
}

clean() { in_ns "$out" python3 "$here/outside/users.py" --seconds "$1" --rate "${2:-1}" --seed "$LAB_SEED"; }

event() {
    case $1 in
    backup)  docker exec backup-1 python3 /lab/jobs/backup.py run ${2:-} ;;
    ops)     in_ns "$out" ssh -n -b 198.51.100.9 -i "$state/ops" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
                 ops@10.60.1.22 'uptime; for i in 1 2 3 4 5; do curl -s -m 3 http://web.lab/health; sleep 2; ls -l /etc; done' >/dev/null ;;
    restart) docker restart -t 3 "$2" >/dev/null; wire_up "$2" ;;
    storm)   docker kill -s USR1 monitor-1 >/dev/null ;;
    scale)   start_box worker-9; start_box worker-10; start_box app-5; sleep 3; reload_web ;;
    deploy)  start_box app-3; sleep 4; reload_web; sleep 8; stop_box app-1; reload_web
             start_box app-4; sleep 4; reload_web; sleep 8; stop_box app-2; reload_web ;;
    *)       echo "unknown event $1" >&2; exit 2 ;;
    esac
}

play() {
    local t0 second what jobs=()
    t0=$(date +%s)
    while read -r second what; do
        case $second in ''|'#'*) continue ;; esac
        while [ $(( $(date +%s) - t0 )) -lt "$second" ]; do sleep 0.2; done
        echo "$(date +%T) +$second $what"
        [ "$what" = end ] && break
        "$0" $what </dev/null >>"$state/play.log" 2>&1 &
    done < "$1"
}

command=${1:-help}; [ $# -gt 0 ] && shift
case $command in
up|down|clean|event|play|capture) "$command" "$@" ;;
capture-stop) capture_stop ;;
attack)  python3 "$here/attacks.py" "$@" ;;
gateway) in_ns "$gw" "$@" ;;
docker)  docker "$@" ;;
*)       sed -n '2,/^set/p' "$0" | sed 's/^# \{0,1\}//;$d' ;;
esac
