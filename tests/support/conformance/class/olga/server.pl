# Perl, select; ends its lines with LF alone.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

$SIG{PIPE} = 'IGNORE';
my ($players, $admins) = map {
    IO::Socket::INET->new(LocalPort => $_, Listen => 128, ReuseAddr => 1) or die "port $_: $!\n"
} $ENV{GAME_PLAYER_PORT} || 4000, $ENV{GAME_ADMIN_PORT} || 4001;
my $select = IO::Select->new($players, $admins);
my %clients;

sub say_line { my ($sock, $text) = @_; syswrite($sock, "$text\n"); }

sub finish {
    my ($sock, $text) = @_;
    say_line($sock, $text);
    $clients{$sock}{state} = 'finished';
    shutdown($sock, 1);
}

sub answer {
    my ($sock, $client, $line) = @_;
    if ($client->{state} eq 'new') {
        return finish($sock, 'Refused: say Hello first')
            unless $line eq 'hello' or ($client->{admin} and $line eq 'admin-hello');
        $client->{state} = 'greeted';
        say_line($sock, $client->{admin} ? 'Admin-Greetings' : 'Greetings');
    } elsif ($client->{state} eq 'greeted' and $client->{admin}) {
        return finish($sock, 'Refused: say Who') unless $line eq 'who';
        finish($sock, join("\n", map { $_->{addr} } grep { $_->{state} eq 'playing' } values %clients));
    } elsif ($client->{state} eq 'greeted') {
        return finish($sock, 'Refused: say Game first') unless $line eq 'game';
        $client->{state} = 'playing';
        $client->{secret} = 1 + int rand 30;
        say_line($sock, 'Ready');
    } elsif ($line !~ /^(?:(?:my )?guess(?: is)?\s*:)?\s*([0-9]{1,20})$/ or $1 < 1 or $1 > 30) {
        say_line($sock, 'Pick a number between 1-30');
    } else {
        my $distance = abs($1 - $client->{secret});
        return finish($sock, 'Correct') unless $distance;
        say_line($sock, $distance <= 2 ? 'Close' : 'Far');
    }
}

while (my @ready = $select->can_read) {
    for my $sock (@ready) {
        if ($sock == $players or $sock == $admins) {
            my $new = $sock->accept or next;
            my $addr = ($new->peerhost // '') . ' ' . ($new->peerport // '');
            $clients{$new} = { addr => $addr, admin => $sock == $admins, state => 'new', buffer => '' };
            $select->add($new);
            next;
        }
        my $client = $clients{$sock};
        if (!sysread($sock, my $data, 4096)) {
            $select->remove($sock);
            delete $clients{$sock};
            close $sock;
            next;
        } else {
            next if $client->{state} eq 'finished';
            $client->{buffer} .= $data;
        }
        while ($client->{state} ne 'finished' and $client->{buffer} =~ s/^([^\n]*)\n//) {
            my $line = lc $1;
            $line =~ s/^\s+|\s+$//g;
            answer($sock, $client, $line);
        }
        finish($sock, 'Refused: line too long')
            if $client->{state} ne 'finished' and length $client->{buffer} > 512;
    }
}
